// What dpkg was cut off at is brought to its end before anything else is installed, whichever step does so.
import { describe, expect, it } from 'vitest';
import { aptFactsOf, installUnlessThere, wantedApt } from '../../../src-main/steps/apt.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
});
const context = { site, lock: emptyLock, subject: { kind: 'machine', name: 'm' }, input: {}, needs: [] } as never;
const note = { key: 'steps.share-ca-folder.does.install', params: {} };
const answer = (out: string) => ({ exit: 0, out, err: '' });
const { key, source, config } = wantedApt(context);
const setUp = { 'apt-key': answer(key), 'apt-source': answer(source), 'apt-config': answer(config) };
const words = (status: string, more: Readonly<Record<string, ReturnType<typeof answer>>>) =>
  installUnlessThere(context, 'acl', status, aptFactsOf({ ...setUp, ...more }), note).map((command) =>
    command.kind === 'run' ? command.argv.join(' ').replace(/^env .*?(?=apt-get|dpkg)/, '') : command.kind,
  );
const install = 'apt-get install -y --no-install-recommends --no-remove';

describe('one package', () => {
  it.each([
    ['is installed', '', {}, [`${install} acl`]],
    ['is there', 'install ok installed 2.3', {}, []],
    [
      'comes after what was unpacked and not set up',
      'install ok unpacked 2.3',
      { 'dpkg-states': answer('ii  base-files\niU  acl\n') },
      ['dpkg --force-confdef --force-confold --configure -a', `${install} --fix-broken acl`],
    ],
    [
      'comes after what dpkg noted and did not finish',
      '',
      { 'dpkg-states': answer('ii  base-files\n'), 'dpkg-updates': answer('f 0 0001\n') },
      ['dpkg --force-confdef --force-confold --configure -a', `${install} --fix-broken acl`],
    ],
  ])('%s', (_what, status, more, expected) => {
    expect(words(status, more)).toEqual(expected);
  });
});
