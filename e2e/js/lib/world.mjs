// What the tests of every SDK version share: the server to talk to, steps, and how an API error must look.
import assert from 'node:assert/strict';

const need = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run this through "go test ./e2e"`);
  return value;
};

export const server = {
  backendUrl: need('SOJOURN_BACKEND_URL'),
  frontendUrl: need('SOJOURN_FRONTEND_URL'),
  proxyUrl: need('SOJOURN_PROXY_URL'),
  secretKey: need('SOJOURN_SECRET_KEY'),
  publishableKey: need('SOJOURN_PUBLISHABLE_KEY'),
  instanceId: need('SOJOURN_INSTANCE_ID'),
  jwtKey: need('SOJOURN_JWT_KEY'),
};

// Options of createClerkClient: apiUrl is all it takes to leave Clerk's own servers.
export const options = {
  secretKey: server.secretKey,
  publishableKey: server.publishableKey,
  apiUrl: server.backendUrl,
  telemetry: { disabled: true },
};

export const wrongKey = 'sk_test_' + 'x'.repeat(40);

// An id that looks like a real one and belongs to nothing.
export const nobody = (prefix) => `${prefix}_${'0'.repeat(27)}`;

export const unique = (() => {
  let n = 0;
  return (prefix) => `${prefix}-${process.pid}-${++n}`;
})();

export const newEmail = () => `${unique('maria')}@example.com`;

// step runs one named part and prints a line, so that a failure says how far it came.
export async function step(name, body) {
  try {
    await body();
  } catch (error) {
    console.log(`FAILED ${name}`);
    throw error;
  }
  console.log(`ok ${name}`);
}

// refused asserts that the call fails the way the SDK shows a documented error.
export async function refused(call, status, code, paramName) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error, `expected ${status} ${code}, but the call succeeded`);
  assert.equal(error.constructor.name, 'ClerkAPIResponseError', `${error.stack}`);
  const seen = { status: error.status, code: error.errors[0]?.code };
  assert.deepEqual(seen, { status, code }, JSON.stringify(error.errors));
  assert.match(error.clerkTraceId ?? '', /^[0-9a-f]{32}$/, 'trace id');
  assert.ok(error.errors[0].message, 'message');
  assert.ok(error.errors[0].longMessage, 'long message');
  if (paramName !== undefined) {
    assert.equal(error.errors[0].meta?.paramName, paramName);
  }
}

// assertSessionClaims checks every claim of a version 2 session token without organization and origin.
export function assertSessionClaims(claims, session, lifetime = 60) {
  assert.equal(claims.sid, session.id);
  assert.equal(claims.sub, session.userId);
  assert.equal(claims.iss, server.frontendUrl);
  assert.equal(claims.v, 2);
  assert.equal(claims.sts, 'active');
  assert.equal(claims.exp - claims.iat, lifetime);
  assert.equal(claims.iat - claims.nbf, 10);
  assert.ok(Number.isInteger(claims.iat));
  assert.ok(claims.jti);
  assert.ok(Array.isArray(claims.fva) && claims.fva.length === 2);
  for (const absent of ['azp', 'act', 'o', 'org_id', 'pla', 'fea']) {
    assert.ok(!(absent in claims), `unexpected claim ${absent}`);
  }
}

export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

export const requestWith = (jwt) =>
  new Request('http://localhost:3000/', { headers: { Authorization: `Bearer ${jwt}` } });
