// Signing in with a passkey on the hosted sign-in page, which works without it: the button is there when this has run.
// Web Authentication, in the words of Better Auth's routes.
(() => {
  'use strict';

  const box = document.getElementById('passkey');
  const alert = document.getElementById('passkey-alert');
  const waiting = document.querySelector('input[name=oauth_query]').value; // an application's request
  const target = document.querySelector('input[name=callbackURL]').value; // where to go without one
  let ceremony = new AbortController();

  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const base64url = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');

  const api = async (path, body) => {
    const answer = await fetch(`/api/auth/passkey/${path}`, body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  };

  const choose = async (mediation) => {
    ceremony.abort();
    ceremony = new AbortController();
    const { signal } = ceremony;
    const options = await api('generate-authenticate-options');
    const allowCredentials = (options.allowCredentials ?? []).map((known) => ({ ...known, id: bytes(known.id) }));
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials };
    return navigator.credentials.get({ mediation, publicKey, signal });
  };

  const signIn = async ({ id, type, response }) => {
    const { url, twoFactorRedirect } = await api('verify-authentication', {
      response: {
        id,
        rawId: id,
        type,
        response: {
          clientDataJSON: base64url(response.clientDataJSON),
          authenticatorData: base64url(response.authenticatorData),
          signature: base64url(response.signature),
          ...(response.userHandle && { userHandle: base64url(response.userHandle) }),
        },
      },
      ...(waiting && { oauth_query: waiting }),
    });
    const second = `/two-factor?${waiting || new URLSearchParams({ callbackURL: target })}`;
    location.assign(twoFactorRedirect ? second : (url ?? target));
  };

  // Whoever changes their mind (NotAllowedError, AbortError) need not be told.
  const failed = (error) => {
    alert.hidden = error instanceof DOMException;
    return suggest();
  };

  // Among the suggestions of the e-mail field, where the browser can. Until one is chosen this stays in the background.
  const suggest = async () => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    const chosen = await choose('conditional').catch(() => null);
    if (chosen) await signIn(chosen).catch(failed);
  };

  if (!window.PublicKeyCredential) return;
  box.hidden = false;
  box.querySelector('button').addEventListener('click', () => {
    alert.hidden = true;
    choose('optional').then(signIn).catch(failed);
  });
  suggest();
})();
