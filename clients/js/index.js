// Hears of ended sessions and retired signing keys from Sojourn's revocation feed, so that verification without the
// network can refuse their tokens. The protocol is told in docs/revocation-feed.md, the interface in index.d.ts.
import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const verifySignature = promisify(verify);

const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const keyRetired = 'urn:sojourn:secevent:signing-key-retired';

const maxEvents = 1000; // in one answer
const maxAnswer = 8 << 20; // bytes
const maxKeySet = 1 << 20; // bytes
const minKeyBits = 2048;
const hour = 3600; // in seconds, as the times in SETs are

// In milliseconds:
const atOnce = 5_000; // for an answer that nobody holds back
const held = 7_000; // for one that is held back up to 5 s: the next node still answers before 10 s are over
const pause = 250; // between polls that bring nothing although they should have waited
const maxBackOff = 2_000;
const maxRetryAfter = 30_000;
const maxClockSkew = 60_000;
const minStaleAfter = 6_000; // quiet nodes answer every 5 s
const keySetInterval = 1_000; // between fetches of the key set, whatever SETs claim
const sweepInterval = 10_000;

export class RevokedError extends Error {
  name = 'RevokedError';
  code = 'session_revoked';
}

export class StaleError extends Error {
  name = 'StaleError';
  code = 'revocations_unknown';
}

export class RevocationFeed {
  #nodes;
  #key;
  #pem;
  #issuer;
  #whenStale;
  #onRevoked;
  #staleAfter;
  #skew;
  #now;

  #sessions = new Until(); // by id
  #digests = new Until(); // the same sessions, as tokens of templates name them
  #kids = new Until();
  #seen = new Until(); // by the jti of the SET
  #swept = 0;

  #stream = randomUUID();
  #ack = [];
  #setErrs = new Map();
  #immediate = true; // the next poll asks what there is, rather than for what comes
  #heard = null; // when the picture was complete last
  #keys = new Map();
  #keysFetched = -Infinity;

  #closing = new AbortController();
  #request; // the AbortController of the open request
  #settled = deferred(); // the picture is complete, or every node failed once
  #complete = deferred();
  #counts = { events: 0, repeated: 0, invalid: 0, failures: 0 };
  #lastError = null;

  constructor({
    urls, key, whenStale, staleAfterMs = 10_000, clockSkewInMs = 5_000, jwtKey, issuer, onRevoked, now = Date.now,
  }) {
    if (!Array.isArray(urls) || urls.length === 0) throw new TypeError('urls: want the URLs of one node or more');
    if (typeof key !== 'string' || !/^[!-~]+$/.test(key)) throw new TypeError('key: want the feed key or a secret key');
    if (whenStale !== 'open' && whenStale !== 'closed') throw new TypeError("whenStale: want 'open' or 'closed'");
    if (!(staleAfterMs >= minStaleAfter)) throw new RangeError(`staleAfterMs: want ${minStaleAfter} or more`);
    if (!(clockSkewInMs >= 0 && clockSkewInMs <= maxClockSkew)) throw new RangeError('clockSkewInMs: want 0 to 60000');
    if (onRevoked !== undefined && typeof onRevoked !== 'function') throw new TypeError('onRevoked: want a function');
    this.#nodes = urls.map((url) => ({ url: nodeURL(url), failures: 0, notBefore: 0 }));
    this.#key = key;
    this.#pem = jwtKey && publicKey(jwtKey);
    if (jwtKey && !this.#pem) throw new TypeError(`jwtKey: want an RSA key of ${minKeyBits} bits or more`);
    this.#issuer = issuer;
    this.#whenStale = whenStale;
    this.#onRevoked = onRevoked;
    this.#staleAfter = staleAfterMs;
    this.#skew = clockSkewInMs;
    this.#now = now;
    this.#run();
  }

  async ready({ signal } = {}) {
    signal?.throwIfAborted();
    const givenUp = deferred();
    const giveUp = () => {
      givenUp.reject(new Error('the picture is not complete yet', { cause: this.#lastError ?? signal.reason }));
    };
    signal?.addEventListener('abort', giveUp);
    try {
      await Promise.race([this.#complete.promise, givenUp.promise]);
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  wrap(verifyToken) {
    return async (token, ...rest) => {
      const claims = await verifyToken(token, ...rest);
      await this.check(token);
      return claims;
    };
  }

  async check(tokenOrClaims) {
    const { header, payload } = typeof tokenOrClaims === 'string' ? decode(tokenOrClaims) : { header: {}, payload: tokenOrClaims };
    if (payload === null || typeof payload !== 'object') throw new TypeError('want a token or its claims');
    await this.#settled.promise;
    const now = this.#now();
    if (this.#kids.covers(header.kid, now)) throw new RevokedError('The signing key of the token was retired.');
    const { sid, jti } = payload;
    if (sid ? this.#sessions.covers(sid, now) : this.#digests.covers(digestIn(jti), now)) {
      throw new RevokedError('The session of the token has ended.');
    }
    if (this.#whenStale === 'closed' && this.#stale(now)) {
      throw new StaleError('Nobody knows whether the session of the token has ended.', { cause: this.#lastError ?? undefined });
    }
  }

  stats() {
    return {
      stale: this.#stale(this.#now()),
      heardAt: this.#heard,
      sessions: this.#sessions.size,
      retiredKeys: this.#kids.size,
      ...this.#counts,
      lastError: this.#lastError,
    };
  }

  close() {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#request?.abort();
    this.#settled.resolve();
    this.#complete.reject(new Error('the feed is closed'));
  }

  // A clock that was set back says as little as one that went on without an answer.
  #stale(now) {
    return this.#closing.signal.aborted || this.#heard === null || Math.abs(now - this.#heard) > this.#staleAfter;
  }

  // run polls one node after the other: that which may be asked soonest, so it stays with one that answers.
  async #run() {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const node = this.#nodes.reduce((a, b) => (b.notBefore < a.notBefore ? b : a));
      await this.#sleepUntil(node.notBefore);
      try {
        await this.#poll(node);
        node.failures = node.notBefore = 0;
      } catch (error) {
        if (!signal.aborted) this.#failed(node, error);
      }
    }
  }

  #failed(node, error) {
    this.#counts.failures++;
    this.#lastError = error;
    this.#immediate = true; // the next answer is to hold what this one lacked
    const backOff = Math.min(maxBackOff, 100 * 2 ** node.failures++) * (0.5 + Math.random() / 2);
    node.notBefore = performance.now() + Math.max(backOff, error.retryAfter ?? 0);
    if (this.#nodes.every((n) => n.failures > 0)) this.#settled.resolve();
  }

  async #poll({ url }) {
    const [immediate, limit] = this.#immediate ? [true, atOnce] : [false, held];
    const [began, sent] = [performance.now(), this.#now()];
    const answer = await this.#fetch(`${url}/v1/ssf/poll/${this.#stream}`, limit, maxAnswer, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        maxEvents, returnImmediately: immediate, ack: this.#ack, setErrs: Object.fromEntries(this.#setErrs),
      }),
    });
    if (!isObject(answer?.sets)) throw new Error('the answer has no sets');
    this.#ack = [];
    this.#setErrs.clear();
    const heard = Math.min(this.#now(), sent + limit); // a process that was suspended meanwhile reads an old answer
    const news = await this.#take(url, answer.sets);
    this.#sweep();
    const more = answer.moreAvailable === true;
    if (!more) {
      this.#heard = heard;
      this.#lastError = null;
      this.#complete.resolve();
      this.#settled.resolve();
    }
    this.#immediate = more || this.#stale(this.#now());
    const idle = more ? Object.keys(answer.sets).length === 0 : !immediate && news === 0;
    if (idle) await this.#sleepUntil(began + pause);
  }

  // take learns from the SETs of one answer and tells how many were new. Those whose keys cannot be had stay
  // unacknowledged, so they come again; the others are not kept waiting for them.
  async #take(url, sets) {
    let news = 0;
    let fetched;
    let unread;
    const keyOf = async (kid) => {
      if (!this.#pem && !this.#keys.has(kid)) await (fetched ??= this.#fetchKeys(url));
      return this.#pem ?? this.#keys.get(kid);
    };
    for (const [jti, set] of Object.entries(sets)) {
      if (this.#seen.has(jti)) {
        this.#counts.repeated++;
        this.#ack.push(jti);
        continue;
      }
      try {
        this.#learn(jti, await readSet(jti, set, keyOf, this.#issuer));
        this.#counts.events++;
        this.#ack.push(jti);
        news++;
      } catch (error) {
        if (error instanceof SetError) {
          this.#counts.invalid++;
          this.#setErrs.set(jti, { err: error.err, description: error.message });
        } else {
          unread = error;
        }
      }
    }
    if (unread) throw unread;
    return news;
  }

  #learn(jti, set) {
    for (const [type, event] of Object.entries(set.events)) {
      const end = [event?.tokens_until, event?.event_timestamp + hour, set.iat + hour].find(Number.isFinite);
      const until = end === undefined ? this.#now() + hour * 1000 : end * 1000 + this.#skew;
      if (type === sessionRevoked) {
        const id = nameIn(set.sub_id?.session?.id);
        const first = !this.#sessions.has(id);
        this.#sessions.add(id, until);
        if (first && this.#onRevoked) queueMicrotask(() => this.#onRevoked(id)); // what it throws is its owner's
        this.#digests.add(createHash('sha256').update(id).digest('hex').slice(0, 20), until);
      } else if (type === keyRetired) {
        this.#kids.add(nameIn(set.sub_id?.id), Infinity); // who stole the key can sign tokens that are good for years
      }
      this.#seen.add(jti, until);
    }
  }

  #sweep() {
    const now = this.#now();
    if (Math.abs(now - this.#swept) < sweepInterval) return;
    this.#swept = now;
    for (const names of [this.#sessions, this.#digests, this.#kids, this.#seen]) names.sweep(now);
  }

  // A key that was retired still counts here: a SET can only refuse tokens, and one that is missed lets them pass.
  async #fetchKeys(url) {
    if (Math.abs(this.#now() - this.#keysFetched) < keySetInterval) throw new Error('a SET names a key that is not known yet');
    const { keys } = await this.#fetch(`${url}/.well-known/jwks.json`, atOnce, maxKeySet);
    const usable = keys.filter((k) => k.kid && (k.use ?? 'sig') === 'sig' && (k.alg ?? 'RS256') === 'RS256')
      .map((k) => [k.kid, publicKey({ key: k, format: 'jwk' })]).filter(([, key]) => key);
    if (usable.length === 0) throw new Error('the key set has no RS256 key');
    this.#keys = new Map(usable);
    this.#keysFetched = this.#now();
  }

  async #fetch(url, limit, maxBytes, init) {
    const request = new AbortController();
    const timer = setTimeout(() => request.abort(new Error(`no answer within ${limit} ms`)), limit);
    this.#request = request;
    try {
      this.#closing.signal.throwIfAborted();
      const answer = await fetch(url, { ...init, signal: request.signal, redirect: 'error', cache: 'no-store' });
      const chunks = [];
      let bytes = 0;
      for await (const chunk of answer.body ?? []) {
        if ((bytes += chunk.length) > maxBytes) throw new Error(`the answer of ${url} has more than ${maxBytes} bytes`);
        chunks.push(chunk);
      }
      if (answer.status !== 200) {
        throw Object.assign(new Error(`${url} answered ${answer.status}`), { retryAfter: retryAfter(answer) });
      }
      return JSON.parse(Buffer.concat(chunks).toString());
    } finally {
      clearTimeout(timer);
    }
  }

  // Once the picture has been complete, waiting does not keep the process alive.
  async #sleepUntil(moment) {
    const ms = moment - performance.now();
    const { signal } = this.#closing;
    if (ms > 0) await sleep(ms, undefined, { signal, ref: this.#heard === null }).catch(() => {});
  }
}

// Until remembers names, each until a moment in milliseconds.
class Until extends Map {
  add(name, until) {
    if (!(this.get(name) >= until)) this.set(name, until);
  }

  covers(name, now) {
    return this.get(name) > now;
  }

  sweep(now) {
    for (const [name, until] of this) if (until <= now) this.delete(name);
  }
}

// SetError is what is wrong with a SET, with its code from RFC 8935, section 2.4.
class SetError extends Error {
  constructor(err, message) {
    super(message);
    this.err = err;
  }
}

async function readSet(jti, set, keyOf, issuer) {
  let token;
  try {
    token = decode(set);
  } catch {
    throw new SetError('invalid_request', 'not a JWT');
  }
  const { header, payload, signed, signature } = token;
  if (header.typ !== 'secevent+jwt') throw new SetError('invalid_request', 'typ is not secevent+jwt');
  if (header.alg !== 'RS256' || 'crit' in header) throw new SetError('invalid_key', 'not plainly signed with RS256');
  const key = await keyOf(header.kid);
  if (!key) throw new SetError('invalid_key', 'the key set has no such kid');
  if (!(await verifySignature('RSA-SHA256', signed, key, signature))) {
    throw new SetError('authentication_failed', 'the signature is wrong');
  }
  if (payload.jti !== jti) throw new SetError('invalid_request', 'sent under another jti');
  if (issuer !== undefined && payload.iss !== issuer) throw new SetError('invalid_issuer', 'another issuer');
  if (!isObject(payload.events)) throw new SetError('invalid_request', 'no events');
  return payload;
}

function decode(jwt) {
  const parts = typeof jwt === 'string' ? jwt.split('.') : [];
  if (parts.length !== 3) throw new TypeError('not a JWT');
  const [header, payload] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
  if (!isObject(header) || !isObject(payload)) throw new TypeError('not a JWT');
  return { header, payload, signed: Buffer.from(`${parts[0]}.${parts[1]}`), signature: Buffer.from(parts[2], 'base64url') };
}

function nameIn(id) {
  if (typeof id !== 'string' || id === '') throw new SetError('invalid_request', 'the subject has no id');
  return id;
}

function digestIn(jti) {
  return typeof jti === 'string' && /^[0-9a-f]{40}$/.test(jti) ? jti.slice(-20) : undefined;
}

function publicKey(source) {
  try {
    const key = createPublicKey(source);
    return key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails.modulusLength >= minKeyBits ? key : undefined;
  } catch {
    return undefined;
  }
}

function nodeURL(text) {
  const { protocol, origin, pathname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError('urls: want http or https');
  return origin + pathname.replace(/\/+$/, '');
}

function retryAfter(answer) {
  const value = answer.headers.get('retry-after') ?? '0';
  const ms = /^\d+$/.test(value) ? value * 1000 : Date.parse(value) - Date.now();
  return Math.min(maxRetryAfter, ms || 0);
}

function deferred() {
  const it = {};
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
  it.promise.catch(() => {}); // whoever waits hears of it
  return it;
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
