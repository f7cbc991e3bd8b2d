"""A relying party made as Synapse makes one: Authlib, discovery, PKCE, id_token validated by the published keys.

Arguments: issuer, client_id, client_secret, redirect_uri. Says the authorization URL in a line, reads the URL that the
browser was sent back to, and says the claims and the userinfo as a line of JSON.
"""

import json
import secrets
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oidc.core import CodeIDToken

issuer, client_id, client_secret, redirect_uri = sys.argv[1:]
metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=20).json()
assert metadata["issuer"] == issuer
nonce, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
session = OAuth2Session(
    client_id, client_secret, scope="openid profile email", redirect_uri=redirect_uri,
    token_endpoint_auth_method="client_secret_basic", code_challenge_method="S256",
)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier)
print(url, flush=True)

token = session.fetch_token(
    metadata["token_endpoint"], authorization_response=sys.stdin.readline().strip(), state=state, code_verifier=verifier
)
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
claims = JsonWebToken(metadata["id_token_signing_alg_values_supported"]).decode(
    token["id_token"], key=keys, claims_cls=CodeIDToken,
    claims_options={"iss": {"values": [issuer]}, "aud": {"values": [client_id]}},
    claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
)
claims.validate(leeway=120)
userinfo = session.get(metadata["userinfo_endpoint"]).json()
print(json.dumps({"claims": claims, "userinfo": userinfo}), flush=True)
