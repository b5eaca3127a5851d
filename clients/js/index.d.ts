/** What a {@link RevocationFeed} needs to know. Durations are in milliseconds. */
export interface RevocationFeedOptions {
  /** The Frontend API of the nodes, such as `https://clerk.example.com`. The next one is asked when one fails. */
  urls: string[];
  /** The feed key, or a secret key, of the instance. */
  key: string;
  /**
   * What becomes of tokens while nobody knows whether their session has ended: `open` accepts them until they expire,
   * `closed` throws {@link StaleError}.
   */
  whenStale: 'open' | 'closed';
  /**
   * After how many milliseconds without a complete answer the picture counts as stale. 10000 without it. Quiet nodes
   * answer every 5 seconds, so less than 6000 would be stale in between and is refused.
   */
  staleAfterMs?: number;
  /**
   * By how many milliseconds the clocks of verifiers may differ, 0 to 60000; 5000 without it. Give it what verifyToken
   * gets as its own `clockSkewInMs`.
   */
  clockSkewInMs?: number;
  /** The public key that the feed is signed with, in PEM. Without it, the key set of the node is fetched. */
  jwtKey?: string;
  /** The only issuer whose events count. Without it the issuer is not checked. */
  issuer?: string;
  /**
   * Called once for each session that ended, when its tokens are refused already: to close what it has open, such as a
   * WebSocket. What it throws is not caught.
   */
  onRevoked?: (sessionId: string) => void;
  /** The time, in milliseconds since 1970. Date.now without it. */
  now?: () => number;
}

/** How a feed fares. */
export interface RevocationFeedStats {
  /** Whether `whenStale` decides at the moment. */
  stale: boolean;
  /** When the picture was complete last, in milliseconds since 1970; null for never. */
  heardAt: number | null;
  /** How many ended sessions are remembered at the moment. */
  sessions: number;
  /** How many retired signing keys are remembered: all that were heard of, as who stole one can sign tokens for years. */
  retiredKeys: number;
  /** How many events were learned, those of unknown types included. */
  events: number;
  /** How many events came again. */
  repeated: number;
  /** How many events were not believed. The node was told why. */
  invalid: number;
  /** How many polls failed. */
  failures: number;
  /** Why the last poll failed; null when one has succeeded since. */
  lastError: Error | null;
}

/**
 * Keeps one request open to Sojourn and remembers the sessions that have ended, as long as tokens of theirs could be
 * accepted. It begins at once. Memory grows with the sessions that ended lately and the keys that were retired, and with
 * nothing else.
 *
 * The open request keeps the process alive, the waiting between failed ones does not: call {@link RevocationFeed.close} when you are done.
 */
export class RevocationFeed {
  /** Throws a TypeError or RangeError for options that cannot be meant. */
  constructor(options: RevocationFeedOptions);

  /**
   * Resolves when the picture has been complete once. It waits as long as that takes, so give a signal where a server
   * that is down must not hold you up. Rejects when the signal aborts (the cause says why the last poll failed) or
   * the feed is closed before.
   */
  ready(options?: { signal?: AbortSignal }): Promise<void>;

  /**
   * Makes a function that calls verifyToken of `@clerk/backend`, or any other that takes a JWT first and throws for a bad
   * one, and then {@link RevocationFeed.check}. It answers and throws what the wrapped function does.
   */
  wrap<Rest extends unknown[], Result>(
    verifyToken: (token: string, ...rest: Rest) => Result,
  ): (token: string, ...rest: Rest) => Promise<Awaited<Result>>;

  /**
   * Throws {@link RevokedError} when the session of a token has ended or its signing key was retired. It does not verify
   * the token: do so before. Claims do not tell their signing key, so prefer the token.
   *
   * Until the first picture is complete, or every node has failed once, it waits.
   */
  check(tokenOrClaims: string | { sid?: unknown; jti?: unknown }): Promise<void>;

  stats(): RevocationFeedStats;

  /** Aborts the open request and ends the feed for good: from now on it is stale. */
  close(): void;
}

/** The session of the token has ended, or the signing key of the token was retired. */
export class RevokedError extends Error {
  name: 'RevokedError';
  code: 'session_revoked';
}

/** Nobody knows whether the session of the token has ended, and `whenStale` is `closed`. */
export class StaleError extends Error {
  name: 'StaleError';
  code: 'revocations_unknown';
}
