// Requests over a connection that may break off: a browser on the host itself drops what is under
// way whenever a link of a group comes or goes.

/** What the daemon answered instead of doing it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The property that is wrong, such as `properties.containers[0].properties.image`. */
    readonly target?: string,
  ) {
    super(message);
  }
}

const PAUSES = [300, 900, 2500];

/** Asks, and again when the connection breaks off before the answer is read. That is safe: what is
 *  sent may come twice, as long as nothing else is sent before it is answered. */
export async function insist<T>(ask: () => Promise<T>, signal?: AbortSignal | null): Promise<T> {
  for (const pause of [...PAUSES, 0]) {
    try {
      return await ask();
    } catch (error) {
      // To fetch and import, a broken connection is a TypeError.
      if (!(error instanceof TypeError) || signal?.aborted) throw error;
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  throw new ApiError(0, "NoConnection", "Wharf cannot be reached.");
}
