// The official client of Better Auth with all plugins that our apps load, behind a fetch that keeps cookies as a browser does.
//
//   const person = somebody(stack);
//   const auth = betterAuth(stack, person.http);
//   const { data, error } = await auth.signIn.email({ email, password });

import { passkeyClient } from '@better-auth/passkey/client';
import { createAuthClient } from 'better-auth/client';
import { magicLinkClient, organizationClient, twoFactorClient } from 'better-auth/client/plugins';

/**
 * A client of one browser. `http` is its Client (lib/http.mjs); the two share their cookies. `organization` and
 * `twoFactor` are options of those plugins; the paths that were called are added to the set `called`.
 */
export function betterAuth(stack, http, { organization = {}, twoFactor = {}, called = new Set() } = {}) {
  return createAuthClient({
    baseURL: stack.url,
    fetchOptions: { customFetchImpl: browserFetch(http, called) },
    plugins: [organizationClient(organization), twoFactorClient(twoFactor), magicLinkClient(), passkeyClient()],
  });
}

/** fetch() as a page of the service's origin has it, over a Client: redirects are shown, not followed. */
export function browserFetch(http, called = new Set()) {
  return async (input, { method = 'GET', headers, body } = {}) => {
    const url = new URL(input);
    const sent = Object.fromEntries(new Headers(headers));
    const answer = await http.request(method, url.pathname + url.search, { headers: sent, body: body ?? undefined });
    called.add(url.pathname);
    const shown = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of [value].flat()) shown.append(name, one);
    }
    const bodyless = [204, 304].includes(answer.status);
    return new Response(bodyless ? null : answer.text, { status: answer.status, headers: shown });
  };
}

/** What a call of the client answered, which must be no error. */
export function granted({ data, error }) {
  if (error) throw new Error(`refused: ${error.status} ${error.code} ${error.message}`);
  return data;
}
