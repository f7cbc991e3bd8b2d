"""A relying party that does, call by call, what Synapse's OIDC handler does (Authlib, Jinja, the metadata's validation).

Reads a JSON object {"yaml": a text with oidc_providers, "issuer", "secret", "callback"} from the first line. Then, for each
line "login", says the authorization URL, reads the URL that the browser was sent back to, and says what Synapse would
make of the user as a line of JSON. Metadata and keys are kept in between, as Synapse keeps them.
"""

import json
import sys
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
import yaml
from authlib.common.security import generate_token
from authlib.jose import JsonWebToken
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636.challenge import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from jinja2 import Environment

TIMEOUT_SECONDS = 20


class Provider:
    def __init__(self, config, callback):
        self.config = config
        self.callback = callback
        self.auth_method = config.get("client_auth_method", "client_secret_basic")
        self.auth = ClientAuth(config["client_id"], config["client_secret"], self.auth_method)
        self.metadata = self.load_metadata()
        self.jwks = None

    def load_metadata(self):
        issuer = self.config["issuer"]
        document = requests.get(get_well_known_url(issuer, external=True), timeout=TIMEOUT_SECONDS).json()
        assert document["issuer"] == issuer
        # Synapse wants https; the rest of its checks are made on the document as it would be there
        secure = OpenIDProviderMetadata(json.loads(json.dumps(document).replace("http://", "https://")))
        secure.validate_issuer()
        secure.validate_authorization_endpoint()
        secure.validate_token_endpoint()
        secure.validate_token_endpoint_auth_methods_supported()
        assert self.auth_method in secure["token_endpoint_auth_methods_supported"]
        secure.validate_response_types_supported()
        assert "code" in secure["response_types_supported"]
        secure.validate_jwks_uri()
        secure.validate_id_token_signing_alg_values_supported()  # newer ones: RS256 must be among them
        return OpenIDProviderMetadata(document)

    def load_jwks(self, force=False):
        if self.jwks is None or force:
            self.jwks = requests.get(self.metadata["jwks_uri"], timeout=TIMEOUT_SECONDS).json()
            assert "keys" in self.jwks
        return self.jwks

    def redirect(self):
        self.state, self.nonce, self.verifier = generate_token(), generate_token(), ""
        more = {}
        if "S256" in self.metadata.get("code_challenge_methods_supported", []):
            self.verifier = generate_token(48)
            more = {"code_challenge_method": "S256", "code_challenge": create_s256_code_challenge(self.verifier)}
        return prepare_grant_uri(
            self.metadata["authorization_endpoint"], client_id=self.config["client_id"], response_type="code",
            redirect_uri=self.callback, scope=self.config["scopes"], state=self.state, nonce=self.nonce, **more,
        )

    def finish(self, url):
        answer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert "error" not in answer, answer
        assert answer["state"] == self.state
        token = self.exchange(answer["code"])
        claims = self.verify(token)
        return self.user_of(dict(claims))

    def exchange(self, code):
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.callback}
        if self.verifier:
            form["code_verifier"] = self.verifier
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        uri, headers, body = self.auth.prepare("POST", self.metadata["token_endpoint"], headers, urlencode(form))
        answer = requests.post(uri, data=body, headers=headers, timeout=TIMEOUT_SECONDS)
        token = answer.json()
        assert answer.status_code == 200 and token["access_token"], token
        return token

    def verify(self, token):
        jwt = JsonWebToken(self.metadata.get("id_token_signing_alg_values_supported", ["RS256"]))
        options = {
            "claims_cls": CodeIDToken,
            "claims_options": {"iss": {"values": [self.metadata["issuer"]]}},
            "claims_params": {"nonce": self.nonce, "client_id": self.config["client_id"], "access_token": token["access_token"]},
        }
        try:
            claims = jwt.decode(token["id_token"], key=self.load_jwks(), **options)
        except ValueError:  # a key that was not there when the set was fetched
            claims = jwt.decode(token["id_token"], key=self.load_jwks(force=True), **options)
        claims.validate(now=time.time(), leeway=120)
        return claims

    def user_of(self, user):
        mapping = self.config["user_mapping_provider"]["config"]
        said = {name: Environment().from_string(mapping[name]).render(user=user).strip()
                for name in ("localpart_template", "display_name_template", "email_template") if name in mapping}
        return {"external_id": user[mapping.get("subject_claim", "sub")], **said, "claims": user}


def main():
    start = json.loads(sys.stdin.readline())
    config = yaml.safe_load(start["yaml"])["oidc_providers"][0]
    provider = Provider({**config, "issuer": start["issuer"], "client_secret": start["secret"]}, start["callback"])
    for line in sys.stdin:
        assert line.strip() == "login"
        print(provider.redirect(), flush=True)
        print(json.dumps(provider.finish(sys.stdin.readline().strip())), flush=True)


if __name__ == "__main__":
    main()
