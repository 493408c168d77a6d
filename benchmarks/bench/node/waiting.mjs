// What transports wait for, and where their packages are.

import { createRequire } from 'node:module';

export const require = createRequire(`${process.env.BENCH_CLIENT_HOME}/client.mjs`);

const GATHERING_MS = 3000;
const PATIENCE_MS = 20_000;

// A promise that somebody else keeps, and that fails when nobody does.
export function deferred(what) {
  const made = {};
  made.promise = new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`expected ${what} within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    const over = (end) => (value) => {
      clearTimeout(limit);
      end(value);
    };
    made.resolve = over(resolve);
    made.reject = over(reject);
  });
  made.promise.catch(() => {}); // a waiter gets the rejection; without one it is not unhandled
  return made;
}

export function gathered(connection) {
  if (connection.iceGatheringState === 'complete') return undefined;
  return new Promise((resolve) => {
    const limit = setTimeout(resolve, GATHERING_MS);
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState !== 'complete') return;
      clearTimeout(limit);
      resolve();
    };
  });
}
