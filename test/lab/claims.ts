/**
 * Names of which one process of this host is the owner, for as long as it lives: a socket in the kernel's own name space, which knows
 * nothing of folders, so that clones with different caches see each other, and which is gone with the process however that ended.
 * Called where something is made or removed that the whole host has only once, such as a bridge.
 */
import { createServer } from 'node:net';

export interface Claim {
  readonly release: () => Promise<void>;
}

/** As long as an address can be (unix(7)), so that every Node means the same one: older ones fill it up with zeroes. */
const nameLength = 107;

/** Makes this process the owner of a name; null while another one, or another part of this one, is. */
export function claim(name: string): Promise<Claim | null> {
  const server = createServer((stranger) => stranger.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(`\0${`fieldkit lab ${name} `.padEnd(nameLength, '.')}`, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
