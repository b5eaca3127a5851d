import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { describe, test } from 'node:test';
import * as current from '@clerk/backend';
import * as old from 'clerk-backend-old';
import { RevocationFeed, RevokedError, StaleError } from '../index.js';
import {
  feedKey, issuer, newSigner, Node, retirement, revocation, seconds, sessionToken, templateToken, unique, until, World,
} from './world.js';

const { verifyToken } = current;
const revoked = { name: 'RevokedError', code: 'session_revoked' };
const unknown = { name: 'StaleError', code: 'revocations_unknown' };

function open(t, nodes, options = {}) {
  const feed = new RevocationFeed({ urls: [nodes].flat().map((n) => n.url ?? n), key: feedKey, whenStale: 'open', ...options });
  t.after(() => feed.close());
  return feed;
}

// begin starts a node, and a feed that follows it.
async function begin(t, options) {
  const node = await Node.start(t);
  const feed = open(t, node, options);
  await feed.ready();
  return { node, world: node.world, feed };
}

// newClock is a clock that a test moves.
function newClock() {
  const clock = { ms: Date.now(), now: () => clock.ms };
  return clock;
}

for (const [version, { verifyToken, createClerkClient }] of Object.entries({ '3.x': current, '1.x': old })) {
  describe(`with @clerk/backend ${version}`, () => {
    test('claims and errors are those of verifyToken until the session is revoked', async (t) => {
      const { world, feed } = await begin(t);
      const verify = feed.wrap(verifyToken);
      const options = { jwtKey: world.signer.pem };
      const id = unique('sess');
      const token = sessionToken(world.signer, { sid: id });

      assert.deepEqual(await verify(token, options), await verifyToken(token, options));
      const expired = sessionToken(world.signer, { exp: seconds() - 60 });
      const refusal = await verifyToken(expired, options).catch((error) => error);
      await assert.rejects(verify(expired, options), { name: refusal.name, reason: 'token-expired' });
      await assert.rejects(verify(sessionToken(newSigner(), { sid: id }), options), { reason: 'token-invalid-signature' });
      await assert.rejects(verify('garbage', options), { reason: 'token-invalid' });

      world.revoke(id);
      await until(() => feed.stats().sessions === 1);
      await assert.rejects(verify(token, options), revoked);
      await assert.rejects(verify(token, options), RevokedError);
    });

    test('a token of a template is known by its jti', async (t) => {
      const { world, feed } = await begin(t);
      const verify = feed.wrap(verifyToken);
      const [id, other] = [unique('sess'), unique('sess')];
      world.revoke(id);
      await until(() => feed.stats().sessions === 1);
      await assert.rejects(verify(templateToken(world.signer, id), { jwtKey: world.signer.pem }), revoked);
      assert.equal((await verify(templateToken(world.signer, other), { jwtKey: world.signer.pem })).sub, 'user_1');
    });

    test('behind authenticateRequest', async (t) => {
      const { world, feed } = await begin(t);
      const clerk = createClerkClient({
        secretKey: 'sk_test_x', publishableKey: `pk_test_${btoa('clerk.example.com$')}`, telemetry: { disabled: true },
      });
      const token = sessionToken(world.signer, {});
      const request = new Request('http://localhost:3000/', { headers: { authorization: `Bearer ${token}` } });
      const state = await clerk.authenticateRequest(request, { jwtKey: world.signer.pem });
      assert.equal(state.isSignedIn, true, state.message);
      await feed.check(state.token);
      await feed.check(state.toAuth().sessionClaims);

      world.revoke(state.toAuth().sessionId);
      await until(() => feed.stats().sessions === 1);
      await assert.rejects(feed.check(state.token), revoked);
      await assert.rejects(feed.check(state.toAuth().sessionClaims), revoked);
      await assert.rejects(feed.check({ sid: state.toAuth().sessionId }), revoked);
    });
  });
}

test('a cold start reads all pages, and verification waits for the last one', async (t) => {
  const node = await Node.start(t);
  const { world } = node;
  node.page = 2;
  const ids = Array.from({ length: 5 }, () => unique('sess'));
  for (const id of ids) world.revoke(id);
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  node.script.push(async (res, poll) => node.json(res, 200, await node.sets(poll)),
    async (res, poll) => { await gate; node.json(res, 200, await node.sets(poll)); });

  const feed = open(t, node);
  let settled = false;
  const check = feed.check({ sid: ids[4] }).finally(() => { settled = true; });
  check.catch(() => {});
  await until(() => node.polls.length === 2 && feed.stats().sessions === 2);
  assert.equal(settled, false);
  assert.equal(feed.stats().stale, true);
  release();
  await feed.ready();
  await assert.rejects(check, revoked);
  for (const id of ids) await assert.rejects(feed.check({ sid: id }), revoked);

  await until(() => node.waiting);
  assert.deepEqual(node.polls.map((p) => p.returnImmediately), [true, true, true, false]);
  assert.deepEqual(node.polls.map((p) => p.ack.length), [0, 2, 2, 1]);
  assert.equal(new Set(node.polls.map((p) => p.stream)).size, 1);
  assert.equal(node.keySets, 1);
  const { heardAt, ...stats } = feed.stats();
  assert.ok(Math.abs(Date.now() - heardAt) < 60_000);
  assert.deepEqual(stats, {
    stale: false, sessions: 5, retiredKeys: 0, events: 5, repeated: 0, invalid: 0, failures: 0, lastError: null,
  });
});

test('a revoke is heard of during an open poll, and acknowledged with the next', async (t) => {
  const { node, world, feed } = await begin(t);
  await until(() => node.waiting);
  const { waiting } = node;
  const jti = world.revoke('sess_1');
  await until(() => feed.stats().sessions === 1);
  await until(() => node.waiting && node.waiting !== waiting);
  assert.deepEqual(node.waiting.ack, [jti]);
});

test('another session of the same user in the same second is accepted', async (t) => {
  const { world, feed } = await begin(t);
  const verify = feed.wrap(verifyToken);
  const iat = seconds();
  const [ended, begun] = [sessionToken(world.signer, { sid: 'sess_1', iat }), sessionToken(world.signer, { sid: 'sess_2', iat })];
  world.revoke('sess_1', { event_timestamp: iat });
  await until(() => feed.stats().sessions === 1);
  await assert.rejects(verify(ended, { jwtKey: world.signer.pem }), revoked);
  assert.equal((await verify(begun, { jwtKey: world.signer.pem })).sid, 'sess_2');
});

test('what comes again is acknowledged again and counted once', async (t) => {
  const { node, world, feed } = await begin(t);
  await until(() => node.waiting);
  const jti = world.revoke('sess_1');
  await until(() => node.polls.at(-1).ack.includes(jti));
  node.streams.clear(); // the node has begun anew
  world.revoke('sess_2');
  await until(() => feed.stats().sessions === 2);
  await until(() => node.polls.at(-1).ack.includes(jti) && node.waiting);
  const { events, repeated } = feed.stats();
  assert.deepEqual({ events, repeated }, { events: 2, repeated: 1 });
});

test('when a node dies during a poll, the next one tells everything', async (t) => {
  const world = new World();
  const [a, b] = [await Node.start(t, world), await Node.start(t, world)];
  const feed = open(t, [a, b]);
  await feed.ready();
  world.revoke('sess_1');
  await until(() => a.polls.at(-1).ack.length === 1);
  assert.equal(b.polls.length, 0);
  a.kill();
  world.revoke('sess_2');
  await until(() => feed.stats().sessions === 2);
  await until(() => b.waiting);
  assert.equal(b.polls[0].returnImmediately, true);
  assert.equal(b.polls[0].stream, a.polls[0].stream);
  assert.equal(b.polls[0].ack.length, 1); // what the other one did not confirm
  assert.ok(feed.stats().failures >= 1);
  assert.equal(feed.stats().lastError, null);
});

test('SETs that are wrong are reported, and the others count', async (t) => {
  const node = await Node.start(t);
  const { world } = node;
  const stranger = newSigner(world.signer.kid);
  const claims = revocation('sess_1');
  const wrong = new Map([
    [world.add(null, { jwt: 'garbage' }), 'invalid_request'],
    [world.add(null, { jwt: 17 }), 'invalid_request'],
    [world.add(null, { jwt: 'bnVsbA.bnVsbA.bnVsbA' }), 'invalid_request'],
    [world.add(claims, { header: { typ: 'JWT' } }), 'invalid_request'],
    [world.add(claims, { header: { alg: 'none' } }), 'invalid_key'],
    [world.add(claims, { header: { crit: ['exp'] } }), 'invalid_key'],
    [world.add(claims, { header: { kid: 'ins_unknown' } }), 'invalid_key'],
    [world.add(claims, { header: { kid: 'ins_other' } }), 'invalid_key'],
    [world.add(claims, { signer: stranger }), 'authentication_failed'],
    [world.add({ ...claims, jti: 'evt_other' }), 'invalid_request'],
    [world.add({ ...claims, iss: 'https://other.example.com' }), 'invalid_issuer'],
    [world.add({ ...claims, events: undefined }), 'invalid_request'],
    [world.add({ ...claims, sub_id: { format: 'opaque', id: 'sess_1' } }), 'invalid_request'],
    [world.add({ ...retirement(''), sub_id: null }), 'invalid_request'],
  ]);
  world.revoke('sess_2');
  const feed = open(t, node, { issuer });
  await feed.ready();
  await until(() => node.waiting);
  const seen = Object.entries(node.polls[1].setErrs).map(([jti, { err, description }]) => {
    assert.ok(description);
    return [jti, err];
  });
  assert.deepEqual(new Map(seen), wrong);
  assert.equal(feed.stats().invalid, wrong.size);
  assert.equal(node.keySets, 1);
  await feed.check({ sid: 'sess_1' });
  await assert.rejects(feed.check({ sid: 'sess_2' }), revoked);
  world.revoke('sess_3');
  await until(() => feed.stats().sessions === 2);
  await until(() => node.polls.length === 3);
  assert.deepEqual(node.polls[2].setErrs, {}); // once is enough
});

test('events of unknown types are acknowledged', async (t) => {
  const { node, world, feed } = await begin(t);
  const verification = { 'https://schemas.openid.net/secevent/ssf/event-type/verification': { state: 'x' } };
  const jti = world.add({ sub_id: { format: 'opaque', id: 'stream_1' }, events: verification });
  await until(() => node.polls.at(-1).ack.includes(jti));
  const { events, sessions, invalid } = feed.stats();
  assert.deepEqual({ events, sessions, invalid }, { events: 1, sessions: 0, invalid: 0 });
});

test('without keys nothing is acknowledged, and the picture is not complete', async (t) => {
  const node = await Node.start(t);
  const { world } = node;
  const published = world.published;
  world.published = null;
  world.revoke('sess_1');
  const feed = open(t, node, { whenStale: 'closed' });
  await assert.rejects(feed.check({ sid: 'sess_1' }), unknown);
  await until(() => node.polls.length === 3);
  assert.ok(node.polls.every((p) => p.ack.length === 0 && p.returnImmediately));
  assert.match(feed.stats().lastError.message, /jwks\.json answered 503/);
  world.published = published;
  await feed.ready();
  await assert.rejects(feed.check({ sid: 'sess_1' }), revoked);
});

test('while a SET cannot be read the picture is not complete, however often it is sent', async (t) => {
  const clock = newClock();
  const { node, world, feed } = await begin(t, { now: clock.now, whenStale: 'closed' });
  node.hold = 5;
  world.revoke('sess_1');
  await until(() => feed.stats().sessions === 1);
  const next = newSigner();
  const { published } = world;
  world.published = null;
  clock.ms += 1_001; // so that the key set is asked for the key
  world.add(revocation('sess_2'), { signer: next });
  await until(() => feed.stats().failures >= 5);
  const { heardAt } = feed.stats();
  clock.ms += 10_001;
  const { failures } = feed.stats();
  await until(() => feed.stats().failures >= failures + 2);
  assert.equal(feed.stats().heardAt, heardAt);
  await assert.rejects(feed.check({ sid: 'sess_2' }), unknown);

  world.published = [...published, next.jwk];
  clock.ms += 1_001;
  await until(() => feed.stats().sessions === 2 && !feed.stats().stale);
  await assert.rejects(feed.check({ sid: 'sess_2' }), revoked);
});

test('an unknown kid is looked for in the key set, every second at most', async (t) => {
  const clock = newClock();
  const { node, world, feed } = await begin(t, { now: clock.now });
  world.revoke('sess_1');
  await until(() => feed.stats().sessions === 1);
  const next = newSigner();
  const jti = world.add(revocation('sess_2'), { signer: next });
  world.revoke('sess_3');
  await until(() => feed.stats().failures >= 2);
  assert.equal(node.keySets, 1);
  await assert.rejects(feed.check({ sid: 'sess_3' }), revoked); // not kept waiting
  world.published.push(next.jwk);
  clock.ms += 1_001;
  await until(() => feed.stats().sessions === 3);
  assert.equal(node.keySets, 2);
  await until(() => node.polls.at(-1).ack.includes(jti));
  assert.equal(feed.stats().invalid, 0);
});

test('with jwtKey the key set is not needed', async (t) => {
  const node = await Node.start(t);
  const { world } = node;
  world.published = null;
  world.revoke('sess_1');
  const feed = open(t, node, { jwtKey: world.signer.pem });
  await feed.ready();
  await assert.rejects(feed.check({ sid: 'sess_1' }), revoked);
  assert.equal(node.keySets, 0);
});

test('a retired key takes its tokens along for good, and no others', async (t) => {
  const clock = newClock();
  const { world, feed } = await begin(t, { now: clock.now });
  const verify = feed.wrap(verifyToken);
  const compromised = newSigner();
  world.add(retirement(compromised.kid));
  await until(() => feed.stats().retiredKeys === 1);
  await assert.rejects(verify(sessionToken(compromised, {}), { jwtKey: compromised.pem }), revoked);
  await assert.rejects(verify(templateToken(compromised, 'sess_1'), { jwtKey: compromised.pem }), revoked);
  await verify(sessionToken(world.signer, {}), { jwtKey: world.signer.pem });

  clock.ms += 25 * 3_600_000;
  world.revoke('sess_1'); // which has what is over swept away
  await until(() => feed.stats().events === 2);
  const decade = sessionToken(compromised, { exp: seconds() + 10 * 365 * 86_400 });
  await assert.rejects(verify(decade, { jwtKey: compromised.pem }), revoked);
});

test('onRevoked is called once for each session, when its tokens are refused already', async (t) => {
  const told = [];
  const { world, feed } = await begin(t, {
    onRevoked: async (id) => { told.push([id, await feed.check({ sid: id }).catch((error) => error.code)]); },
  });
  world.revoke('sess_1');
  world.revoke('sess_1');
  world.revoke('sess_2');
  await until(() => feed.stats().events === 3 && told.length === 2);
  assert.deepEqual(told.sort(), [['sess_1', revoked.code], ['sess_2', revoked.code]]);
});

test('what no token outlives is forgotten', async (t) => {
  const clock = newClock();
  const { node, world, feed } = await begin(t, { now: clock.now, clockSkewInMs: 2_000 });
  node.hold = 5;
  const start = seconds(clock.ms);
  world.revoke('sess_1', { until: start + 60 });
  world.revoke('sess_2', { until: null, event_timestamp: start });
  world.revoke('sess_3', { until: start + 30 });
  world.revoke('sess_3', { until: start + 90 }); // in any order
  world.revoke('sess_3', { until: start + 60 });
  await until(() => feed.stats().events === 5);
  const refused = async () => {
    const checks = await Promise.allSettled([1, 2, 3].map((n) => feed.check({ sid: `sess_${n}` })));
    return checks.map((c) => c.status === 'rejected');
  };
  clock.ms = (start + 62) * 1000 - 1;
  assert.deepEqual(await refused(), [true, true, true]);
  clock.ms += 1;
  assert.deepEqual(await refused(), [false, true, true]);
  await until(() => feed.stats().sessions === 2);
  clock.ms = (start + 92) * 1000;
  assert.deepEqual(await refused(), [false, true, false]);
  clock.ms = (start + 3602) * 1000 - 1;
  assert.deepEqual(await refused(), [false, true, false]);
  clock.ms += 1;
  assert.deepEqual(await refused(), [false, false, false]);
  clock.ms += 10_000;
  await until(() => feed.stats().sessions === 0);
});

test('a cold start without any node waits for one attempt on each, then whenStale decides', async (t) => {
  const world = new World();
  const [a, b] = [await Node.start(t, world), await Node.start(t, world)];
  a.kill();
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  b.script.push(async (res) => { await gate; res.destroy(); });
  const closed = open(t, [a, b], { whenStale: 'closed' });
  let settled = false;
  const check = closed.check({ sid: 'sess_1' }).finally(() => { settled = true; });
  check.catch(() => {});
  await until(() => b.polls.length === 1);
  assert.equal(settled, false);
  b.script.push(...Array(100).fill((res) => res.destroy()));
  release();
  await assert.rejects(check, unknown);
  await assert.rejects(closed.check({ sid: 'sess_1' }), StaleError);

  const opened = open(t, [a], { whenStale: 'open' });
  await opened.check({ sid: 'sess_1' });
  assert.equal(opened.stats().stale, true);
});

test('a feed that goes stale is open or closed, and remembers what it knows', async (t) => {
  const clock = newClock();
  const node = await Node.start(t);
  const options = { now: clock.now, staleAfterMs: 10_000 };
  const opened = open(t, node, { ...options, whenStale: 'open' });
  const closed = open(t, node, { ...options, whenStale: 'closed' });
  node.world.revoke('sess_1');
  await until(() => node.polls.filter((p) => !p.returnImmediately).length === 2);
  clock.ms += 10_000;
  await Promise.all([opened.check({ sid: 'sess_2' }), closed.check({ sid: 'sess_2' })]);
  clock.ms += 1; // as after a suspend: no poll has failed
  assert.equal(opened.stats().stale, true);
  await opened.check({ sid: 'sess_2' });
  await assert.rejects(closed.check({ sid: 'sess_2' }), unknown);
  for (const feed of [opened, closed]) await assert.rejects(feed.check({ sid: 'sess_1' }), revoked);

  clock.ms += 60_000;
  const before = node.polls.length;
  node.world.revoke('sess_3'); // the answer to what was asked long ago may be as old, so both ask anew
  await until(() => !closed.stats().stale && !opened.stats().stale);
  for (const feed of [opened, closed]) assert.equal(feed.stats().sessions, 2);
  await closed.check({ sid: 'sess_2' });
  await until(() => node.polls.length >= before + 4);
  for (const { stream } of node.polls.slice(0, 2)) {
    const since = node.polls.slice(before).filter((p) => p.stream === stream).slice(0, 2);
    assert.deepEqual(since.map((p) => p.returnImmediately), [true, false]);
  }
  clock.ms -= 60_000;
  assert.equal(closed.stats().stale, true);
});

test('a wrong key: ready waits, with a signal it says why not', async (t) => {
  const node = await Node.start(t);
  const feed = open(t, node, { key: 'another_key' });
  const signal = new AbortController();
  const ready = feed.ready({ signal: signal.signal });
  ready.catch(() => {});
  await until(() => feed.stats().failures === 2);
  assert.equal(getEventListeners(signal.signal, 'abort').length, 1);
  signal.abort();
  const error = await ready.catch((e) => e);
  assert.match(error.cause.message, /answered 401/);
  assert.ok(!JSON.stringify([error.cause.message, error.cause.stack]).includes('another_key'));
  assert.equal(getEventListeners(signal.signal, 'abort').length, 0);
  await assert.rejects(feed.ready({ signal: signal.signal }), { name: 'AbortError' });
});

test('Retry-After is honoured, by asking another node where there is one', async (t) => {
  const world = new World();
  const [a, b] = [await Node.start(t, world), await Node.start(t, world)];
  const busy = (node) => (res) => node.json(res, 503, {}, { 'retry-after': '1' });
  a.script.push(busy(a));
  const alone = open(t, a);
  const start = performance.now();
  await alone.ready();
  assert.ok(performance.now() - start >= 950);
  alone.close();

  a.script.push(busy(a), busy(a));
  const both = open(t, [a, b]);
  await both.ready();
  assert.ok(b.polls.length > 0);
  assert.ok(both.stats().failures >= 1);
});

test('a silent node does not hold up a cold start', async (t) => {
  const world = new World();
  const [a, b] = [await Node.start(t, world), await Node.start(t, world)];
  a.script.push(() => {});
  world.revoke('sess_1');
  const feed = open(t, [a, b]);
  await feed.ready();
  await assert.rejects(feed.check({ sid: 'sess_1' }), revoked);
  await until(() => !a.polls[0].open);
});

test('garbage and answers that are too long are failures, and the feed goes on', async (t) => {
  const node = await Node.start(t);
  const raw = (body, status = 200) => (res) => res.writeHead(status).end(body);
  const long = (res) => {
    res.on('error', () => {});
    for (let i = 0; i < 9; i++) res.write(' '.repeat(1 << 20));
    res.end('{"sets":{}}');
  };
  const redirect = (res, { stream }) => res.writeHead(307, { location: `/v1/ssf/poll/${stream}` }).end();
  node.script.push(raw('<html>'), raw('null'), raw('{}'), raw('{"sets":[]}'), raw('', 204), redirect, long);
  const feed = open(t, Array(8).fill(node));
  await feed.ready();
  assert.ok(feed.stats().failures >= 7);
  node.world.revoke('sess_1');
  await until(() => feed.stats().sessions === 1);
});

test('answers that bring nothing and do not wait are not asked for without end', async (t) => {
  const node = await Node.start(t);
  const empty = (res) => node.json(res, 200, { sets: {} });
  node.script.push(...Array(1000).fill(empty));
  const start = performance.now();
  const feed = open(t, node);
  await feed.ready();
  await until(() => node.polls.length === 4);
  assert.ok(performance.now() - start >= 450); // two pauses
});

test('close ends everything', async (t) => {
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (f, ms) => setTimeout(f, ms * 100)); // no poll is given up by itself
  const { node, world, feed } = await begin(t);
  node.hold = 60_000;
  world.revoke('sess_1');
  await until(() => feed.stats().sessions === 1 && node.waiting);
  const cold = open(t, await Node.start(t).then((n) => { n.script.push(() => {}); return n; }));
  const waiting = [cold.ready(), cold.check({ sid: 'sess_1' })];
  cold.close();
  await assert.rejects(waiting[0], /closed/);
  await waiting[1];

  feed.close();
  feed.close();
  await until(() => !node.waiting);
  assert.equal(feed.stats().stale, true);
  assert.equal(feed.stats().failures, 0);
  await assert.rejects(feed.check({ sid: 'sess_1' }), revoked);
});

// run begins a process with a feed that is ready, and then runs the script.
function run(t, node, script) {
  const code = `
    import { RevocationFeed } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
    const feed = new RevocationFeed({ urls: [${JSON.stringify(node.url)}], key: '${feedKey}', whenStale: 'open' });
    await feed.ready();
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'inherit', 'inherit'] });
  t.after(() => child.kill());
  return child;
}

test('a process exits after close', { timeout: 30_000 }, async (t) => {
  const node = await Node.start(t);
  node.hold = 60_000;
  const child = run(t, node, "process.stdin.once('end', () => feed.close()).resume();");
  const exit = once(child, 'exit');
  await until(() => node.waiting);
  child.stdin.end();
  assert.deepEqual(await exit, [0, null]);
});

test('a process without close exits when it waits for a node that is gone', { timeout: 30_000 }, async (t) => {
  const node = await Node.start(t);
  const exit = once(run(t, node, ''), 'exit');
  await until(() => node.waiting);
  node.kill();
  assert.deepEqual(await exit, [0, null]);
});

test('check wants a token or claims', async (t) => {
  const { feed } = await begin(t);
  for (const wrong of [undefined, null, 'sess_1', 'a.b.c', 7]) await assert.rejects(feed.check(wrong));
});

test('options that cannot be meant are refused', () => {
  const good = { urls: ['http://127.0.0.1:9'], key: feedKey, whenStale: 'open' };
  for (const wrong of [
    { urls: [] }, { urls: ['ftp://a.example'] }, { urls: ['clerk'] }, { key: '' }, { key: undefined }, { key: 'a\nb' },
    { whenStale: 'ajar' }, { staleAfterMs: 5_999 }, { onRevoked: 'log' }, { clockSkewInMs: 60_001 }, { clockSkewInMs: -1 }, { jwtKey: 'PEM' },
  ]) {
    assert.throws(() => new RevocationFeed({ ...good, ...wrong }), JSON.stringify(wrong));
  }
});
