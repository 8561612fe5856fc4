import { expect, it } from 'vitest';
import { randomart } from '../../../src-shared/randomart.ts';

/** As ssh-keygen -lv told it of a key made for this. */
const fingerprint = 'SHA256:nJzhAJYmkYPqJESLT9kaximYzmBqpsIXVYTRaPWuJx0';
const picture = `+--[ED25519 256]--+
|.o.oooB+         |
|++==o=...        |
|OoB+o.. ..       |
|O* o.  =.+       |
|==o.    SE       |
|=.  .   o .      |
|o. .   o o       |
|. .     o        |
|                 |
+----[SHA256]-----+`;

it('draws what ssh-keygen draws', () => {
  expect(randomart('ssh-ed25519', fingerprint)).toBe(picture);
  expect(randomart('ecdsa-sha2-nistp521', fingerprint)?.split('\n')[0]).toBe('+---[ECDSA 521]---+');
});

it('draws nothing of another kind of fingerprint', () => {
  expect(randomart('ssh-ed25519', `MD5:${'ab:'.repeat(16)}`)).toBe(null);
  expect(randomart('ssh-ed25519', 'SHA256:short')).toBe(null);
});
