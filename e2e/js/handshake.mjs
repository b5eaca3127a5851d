// How the server of an app finds out who visits: the SDK's authenticateRequest against the server, with a browser between.
import assert from 'node:assert/strict';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { createClerkClient as createOldClient } from 'clerk-backend-old';
import { Browser, devBrowsers, live, origin, suffix } from './lib/browser.mjs';
import { newEmail, options, server, step } from './lib/world.mjs';

const clerk = createClerkClient(options);
const exact = { clockSkewInMs: 1 }; // takes a token for expired when it is

async function signedInBrowser(app) {
  const user = await clerk.users.createUser({ emailAddress: [newEmail()], skipPasswordRequirement: true });
  const { token } = await clerk.signInTokens.createSignInToken({ userId: user.id, expiresInSeconds: 600 });
  const browser = new Browser(app);
  const session = await browser.signIn(token);
  return { browser, user, session };
}

function assertSignedIn({ auth, state, handshakes, url }, user, session, reasons) {
  assert.equal(state.status, 'signed-in', `${state.reason} ${state.message}`);
  assert.equal(auth.userId, user.id);
  assert.equal(auth.sessionId, session);
  assert.equal(auth.sessionClaims.azp, origin);
  assert.equal(auth.sessionClaims.iss, server.frontendUrl);
  assert.deepEqual(handshakes, reasons);
  assert.ok(!/__clerk/.test(url), `left in the URL: ${url}`);
}

// expired waits until a browser's token is. It is the one wait of these tests.
async function expired(jwt) {
  for (;;) {
    try {
      await verifyToken(jwt, { jwtKey: server.jwtKey, ...exact });
    } catch (error) {
      assert.equal(error.reason, 'token-expired', error.message);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const missing = live ? [] : ['dev-browser-missing'];

async function life(name, app, format) {
  const say = (what) => `${name}, ${format}: ${what}`;
  const visit = (browser, path, more) => browser.visit(path, { format, ...more });

  await step(say('a stranger is signed out, after one handshake at most'), async () => {
    const browser = new Browser(app);
    const first = await visit(browser, '/a?b=c%20d&e');
    assert.equal(first.state.status, 'signed-out');
    assert.deepEqual(first.handshakes, missing);
    assert.equal(new URL(first.url).searchParams.get('b'), 'c d');
    const second = await visit(browser, '/');
    assert.equal(second.state.status, 'signed-out');
    assert.deepEqual(second.handshakes, []);
  });

  const { browser, user, session } = await signedInBrowser(app);

  await step(say('a missing token is fetched, and the next page needs no handshake'), async () => {
    const reason = live || devBrowsers ? 'client-uat-but-no-session-token' : 'dev-browser-missing';
    assertSignedIn(await visit(browser, '/x?y=z'), user, session, [reason]);
    assertSignedIn(await visit(browser, '/'), user, session, []);
    const refreshed = browser.cookies.has(`__refresh_${suffix}`);
    assert.equal(refreshed, format === 'nonce', 'a refresh token comes with a nonce, and never in a URL');
  });

  await step(say('a fetch is never redirected'), async () => {
    const page = new Browser(app);
    page.keep([...browser.cookies].filter(([n]) => !/^__(session|refresh)/.test(n)).map(([n, v]) => `${n}=${v}`));
    const state = await page.request(`${origin}/api`, { dest: 'empty' });
    assert.equal(state.status, 'signed-out');
    assert.equal(state.headers.get('location'), null);
    assert.equal((await browser.request(`${origin}/api`, { dest: 'empty' })).status, 'signed-in');
  });

  await step(say('a token without the time of the sign-in is looked at again'), async () => {
    browser.drop('__client_uat');
    assertSignedIn(await visit(browser, '/'), user, session, ['session-token-but-no-client-uat']);
    assert.ok(browser.cookies.has('__client_uat') && browser.cookies.has(`__client_uat_${suffix}`));
  });

  if (live) {
    await step(say('the same carrier resolves more than once'), async () => {
      browser.drop('__session');
      const detour = await browser.request(`${origin}/`);
      const answer = await browser.shake(detour.headers.get('location'), format);
      const carrier = answer.headers.getSetCookie().map((c) => c.split(';')[0]).find((c) => c.startsWith('__clerk_handshake'));
      assert.ok(carrier.length <= 4096, `${carrier.length} bytes are too long for a cookie`);
      for (const dest of ['document', 'image', 'document']) {
        browser.keep([carrier]);
        assert.equal((await browser.request(`${origin}/`, { dest })).status, 'signed-in');
        assert.ok(!browser.has('__clerk_handshake') && !browser.has('__clerk_handshake_nonce'), 'the carrier stays');
      }
    });
  }

  // From here on the browser has a token that has expired.
  const stale = browser.cookies.get(`__session_${suffix}`) ?? browser.cookies.get('__session');
  const expire = () => browser.put('__session', stale);
  await expired(stale);

  await step(say('an expired token is refreshed without a detour'), async () => {
    if (format !== 'nonce') return;
    expire();
    const before = browser.cookies.get(`__refresh_${suffix}`);
    assertSignedIn(await visit(browser, '/', { first: exact }), user, session, []);
    assert.notEqual(browser.cookies.get(`__refresh_${suffix}`), before, 'the refresh token stays the same');
    expire();
    const state = await browser.request(`${origin}/api`, { dest: 'empty', ...exact });
    assert.equal(state.status, 'signed-in', 'a fetch has no detour, and is refreshed too');
  });

  await step(say('a refresh token that nobody knows leads to a handshake'), async () => {
    expire();
    browser.cookies.set(`__refresh_${suffix}`, 'rt_unknown');
    assertSignedIn(await visit(browser, '/', { first: exact }), user, session, ['session-token-expired-refresh-refresh_token_not_found']);
    browser.cookies.delete(`__refresh_${suffix}`);
  });

  await step(say('an expired token without one leads to a handshake'), async () => {
    expire();
    assertSignedIn(await visit(browser, '/', { first: exact }), user, session, ['session-token-expired-refresh-non-eligible-no-refresh-cookie']);
    expire();
    browser.cookies.delete(`__refresh_${suffix}`); // a nonce has brought another one
    const state = await browser.request(`${origin}/api`, { dest: 'empty', ...exact });
    assert.equal(state.status, 'signed-out');
    assert.equal(state.headers.get('location'), null);
  });

  await step(say('a revoked session is signed out, and nobody is sent about after that'), async () => {
    expire();
    await clerk.sessions.revokeSession(session);
    const after = await visit(browser, '/', { first: exact });
    assert.equal(after.state.status, 'signed-out');
    assert.equal(after.auth.userId, null);
    assert.equal(after.handshakes.length, 1);
    assert.match(after.handshakes[0], /^session-token-expired-refresh-/);
    assert.ok(!browser.has('__session') && !browser.has('__refresh'), browser.cookieHeader);
    assert.deepEqual((await visit(browser, '/')).handshakes, []);
  });
}

const old = createOldClient(options);
await Promise.all([life('current', clerk, 'nonce'), life('current', clerk, 'token'), life('1.x', old, 'token')]); // 1.x asks for no nonce
