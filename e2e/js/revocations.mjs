// @clerk/backend's verifyToken, networkless, with the revocation feed beside it.
import assert from 'node:assert/strict';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { verifyToken as verifyTokenOld } from 'clerk-backend-old';
import { RevocationFeed } from '../../clients/js/index.js';
import { newEmail, options, server, step } from './lib/world.mjs';

const clerk = createClerkClient(options);
const jwtKey = server.jwtKey;
const feed = new RevocationFeed({ urls: [server.frontendUrl], key: process.env.SOJOURN_FEED_KEY, whenStale: 'closed' });

const until = async (what, holds) => {
  for (const deadline = Date.now() + 30_000; !(await holds()); ) {
    assert.ok(Date.now() < deadline, `still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const refused = (verify, token) => verify(token, { jwtKey }).then(() => false, (error) => error.code === 'session_revoked');

await step('the picture is complete', () => feed.ready());

for (const [version, verifyOf] of Object.entries({ '3.x': verifyToken, '1.x': verifyTokenOld })) {
  const verify = feed.wrap(verifyOf);
  const user = await clerk.users.createUser({ emailAddress: [newEmail()] });
  const session = await clerk.sessions.createSession({ userId: user.id });
  const other = await clerk.sessions.createSession({ userId: user.id });
  const { jwt } = await clerk.sessions.getToken(session.id);
  const { jwt: kept } = await clerk.sessions.getToken(other.id);

  await step(`${version}: a token is accepted`, async () => {
    const claims = await verify(jwt, { jwtKey });
    assert.equal(claims.sid, session.id);
  });
  await step(`${version}: once its session is revoked it is refused, without the network`, async () => {
    await clerk.sessions.revokeSession(session.id);
    await until('the token is refused', () => refused(verify, jwt));
    await verifyOf(jwt, { jwtKey }); // by itself the SDK cannot know
  });
  await step(`${version}: another session of the user goes on`, () => verify(kept, { jwtKey }));
  await step(`${version}: until the user is banned`, async () => {
    await clerk.users.banUser(user.id);
    await until('the other token is refused', () => refused(verify, kept));
  });
}

await step('closing lets the process end', () => feed.close());
