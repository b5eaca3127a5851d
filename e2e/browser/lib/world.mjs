// What a run is about: the server, the pages that use it, and which client the pages load.
import assert from 'node:assert/strict';

const text = process.env.SOJOURN_WORLD;
assert.ok(text, 'SOJOURN_WORLD is not set: run this through "go test ./e2e -run TestBrowsers"');

/**
 * pages: origin of the app's pages; proxyUrl, publishableKey: what the app gives to the client; clerkJs: "6" or "5";
 * mode: "live", "test" (a test key and a cookie) or "dev browser"; backendUrl, secretKey: of the Backend API;
 * chromium: path of the browser; screenshots: folder for pictures.
 */
export const world = JSON.parse(text);

export const v6 = world.clerkJs === '6';
export const password = 'correct horse battery staple';

export const unique = (() => {
  let n = 0;
  return (prefix) => `${prefix}${process.pid}x${++n}`;
})();

// Development takes 424242 from such an address and mails nothing. In production it is an address like any other.
export const newEmail = () => `${unique('maria')}+clerk_test@example.com`;

// codeFor is the code that was mailed to an address last.
export async function codeFor(email) {
  if (world.mode !== 'live') return '424242';
  const answer = await fetch(`${world.pages}/mail?to=${encodeURIComponent(email)}`);
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  return body;
}

// backend calls the Backend API.
export async function backend(method, path, body) {
  const answer = await fetch(`${world.backendUrl}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${world.secretKey}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export async function userOf(email) {
  const users = await backend('GET', `/users?email_address=${encodeURIComponent(email)}`);
  assert.equal(users.length, 1, `users with ${email}`);
  return users[0];
}

// eventually waits until a condition holds.
export async function eventually(what, holds, patience = 60_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const value = await holds();
    if (value) return value;
    assert.ok(Date.now() < deadline, `still not: ${what}`);
    await new Promise((again) => setTimeout(again, 20));
  }
}
