// A transmitter as docs/revocation-feed.md tells it, on as many nodes as a test likes, and keys to sign tokens and SETs.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export const issuer = 'https://clerk.example.com';
export const feedKey = 'feed_0123456789';
export const seconds = (ms = Date.now()) => Math.floor(ms / 1000);
export const digest = (id) => createHash('sha256').update(id).digest('hex').slice(0, 20);
export const unique = (prefix) => `${prefix}_${randomBytes(12).toString('hex')}`;

export function newSigner(kid = unique('ins')) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return {
    kid,
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' },
    jwt(payload, header = {}) {
      const input = `${encode({ alg: 'RS256', kid, ...header })}.${encode(payload)}`;
      return `${input}.${sign('RSA-SHA256', Buffer.from(input), privateKey).toString('base64url')}`;
    },
  };
}

// sessionToken is a token as the server mints it; claims and header replace what a test wants different.
export function sessionToken(signer, claims, header) {
  const now = seconds();
  return signer.jwt({
    sub: 'user_1', sid: unique('sess'), iss: issuer, iat: now, nbf: now - 10, exp: now + 60, sts: 'active', v: 2,
    jti: randomBytes(10).toString('hex'), ...claims,
  }, { typ: 'JWT', cat: 'cl_B7d4PD111AAA', ...header });
}

// templateToken names its session in its jti alone.
export function templateToken(signer, id) {
  return sessionToken(signer, { sid: undefined, jti: randomBytes(10).toString('hex') + digest(id) }, { cat: 'cl_B7d4PD222AAA' });
}

const revoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

export function revocation(id, { until = seconds() + 90, ...event } = {}) {
  return {
    sub_id: {
      format: 'complex',
      session: { format: 'opaque', id },
      user: { format: 'iss_sub', iss: issuer, sub: 'user_1' },
    },
    events: { [revoked]: { event_timestamp: seconds(), initiating_entity: 'admin', tokens_until: until, ...event } },
  };
}

export function retirement(kid, until = seconds() + 90) {
  return {
    sub_id: { format: 'opaque', id: kid },
    events: { 'urn:sojourn:secevent:signing-key-retired': { event_timestamp: seconds(), tokens_until: until } },
  };
}

const signer = newSigner(); // of every world, as @clerk/backend 1.x keeps the first jwtKey it is given

// World is what all nodes share: the events and the keys.
export class World extends EventEmitter {
  events = new Map();
  signer = signer;
  published = [this.signer.jwk];

  // add makes an event of the claims; header and jwt replace how it is signed, or all of it.
  add(claims, { signer = this.signer, header, jwt } = {}) {
    const jti = unique('evt');
    this.events.set(jti, jwt ?? signer.jwt({ iss: issuer, aud: 'ins_1', iat: seconds(), jti, ...claims },
      { typ: 'secevent+jwt', ...header }));
    this.emit('event');
    return jti;
  }

  revoke(id, event) {
    return this.add(revocation(id, event));
  }
}

// Node is one of them. Tests put functions into script: the first takes the next request for a poll.
export class Node {
  polls = []; // the body of each, with its stream and whether it is still open
  script = [];
  keySets = 0; // how often the key set was asked for
  streams = new Map(); // what each has acknowledged, and how often it was sent the rest
  hold = 5_000;
  page = 1000;

  constructor(world) {
    this.world = world;
    this.server = createServer((req, res) => this.answer(req, res).catch((error) => res.destroy(error)));
  }

  static async start(t, world = new World()) {
    const node = new Node(world);
    await new Promise((resolve) => node.server.listen(0, '127.0.0.1', resolve));
    node.url = `http://127.0.0.1:${node.server.address().port}`;
    t.after(() => node.kill());
    return node;
  }

  kill() {
    this.server.close();
    this.server.closeAllConnections();
  }

  json(res, status, body, headers = {}) {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  async answer(req, res) {
    const [, stream] = /^\/v1\/ssf\/poll\/([A-Za-z0-9_-]{8,64})$/.exec(req.url) ?? [];
    if (req.method === 'GET' && req.url === '/.well-known/jwks.json') {
      this.keySets++;
      return this.world.published ? this.json(res, 200, { keys: this.world.published }) : this.json(res, 503, {});
    }
    if (req.method !== 'POST' || !stream || stream.startsWith('stream_')) return this.json(res, 404, {});
    let text = '';
    for await (const chunk of req) text += chunk;
    const poll = { stream, ...JSON.parse(text), open: true };
    this.polls.push(poll);
    res.once('close', () => { poll.open = false; });
    const scripted = this.script.shift();
    if (scripted) return scripted(res, poll);
    if (req.headers.authorization !== `Bearer ${feedKey}`) {
      return this.json(res, 401, { errors: [{ code: 'authentication_invalid' }] });
    }
    return this.json(res, 200, await this.sets(poll));
  }

  async sets({ stream, maxEvents, returnImmediately, ack, setErrs, ...poll }) {
    const { done, sent } = this.streams.get(stream) ?? { done: new Set(), sent: new Map() };
    this.streams.set(stream, { done, sent });
    for (const jti of [...ack, ...Object.keys(setErrs)]) done.add(jti);
    // A poll that is held is told three times of what is not acknowledged, one that is not is told whenever it asks.
    const open = () => [...this.world.events]
      .filter(([jti]) => !done.has(jti) && (returnImmediately || !(sent.get(jti) >= 3)));
    if (!returnImmediately && open().length === 0) {
      const waiting = new AbortController();
      const stop = () => waiting.abort();
      this.world.once('event', stop);
      this.server.once('close', stop);
      await sleep(this.hold, undefined, { signal: waiting.signal, ref: false }).catch(() => {});
      this.world.off('event', stop);
      this.server.off('close', stop);
    }
    const all = open();
    const size = Math.min(maxEvents, this.page);
    const page = all.slice(0, size);
    for (const [jti] of page) sent.set(jti, (sent.get(jti) ?? 0) + 1);
    return { sets: Object.fromEntries(page), ...(all.length > size && { moreAvailable: true }) };
  }

  // waiting is the poll that is held open at the moment.
  get waiting() {
    return this.polls.find((poll) => poll.open && !poll.returnImmediately);
  }
}

// until waits for a condition.
export async function until(condition, what = String(condition)) {
  for (const end = performance.now() + 60_000; !condition(); await sleep(2)) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
  }
}
