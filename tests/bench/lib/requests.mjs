// Requests of the cases, for any of the systems: a constant one, or a Lua script of wrk that makes each anew.

import { quote } from './load.mjs';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

export const get = (path, headers = {}) => ({ path, headers });

export function postJson(path, body, headers = {}) {
  return { path, method: 'POST', headers: { 'content-type': JSON_TYPE, ...headers }, body: JSON.stringify(body) };
}

export function postForm(path, form, headers = {}) {
  return { path, method: 'POST', headers: { 'content-type': FORM, ...headers }, body: String(new URLSearchParams(form)) };
}

export function basic({ id, secret }) {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

/** Uses up a refresh token with each request and keeps the one that the answer brings. */
export function refreshing(path, tokens, headers) {
  return {
    path,
    lua: `
local tokens = {${tokens.map(quote).join(',')}}
local first, last = 1, #tokens
local headers = {["content-type"] = "${FORM}"${fields(headers)}}
function request()
  local token = tokens[first]
  tokens[first] = nil
  first = first + 1
  return wrk.format("POST", ${quote(path)}, headers, "grant_type=refresh_token&refresh_token=" .. token)
end
function response(status, headers, body)
  last = last + 1
  tokens[last] = string.match(body, '"refresh_token":"([^"]+)"') or error("no refresh token: " .. status .. " " .. body)
end`,
  };
}

/** Signs somebody new up with each request. */
export function signingUp(path, password) {
  const run = Date.now().toString(36);
  return {
    path,
    lua: `
local count = 0
function request()
  count = count + 1
  local body = '{"name":"Ada","password":"${password}","email":"new-${run}-' .. count .. '@example.com"}'
  return wrk.format("POST", ${quote(path)}, {["content-type"] = "${JSON_TYPE}"}, body)
end`,
  };
}

const fields = (headers) => Object.entries(headers).map(([name, value]) => `, [ ${quote(name)} ] = ${quote(value)}`).join('');
