/** The shell that gets a re6st token for a machine, run with a slapos that answers from a file, one line of answers a call. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { re6stTokenSays, re6stTokenScript } from '../../../src-main/target/client-scripts.ts';
import { machine } from '../../../src-shared/site.ts';

/** Says the next of its answers, `exit text`, and notes its words. */
const slapos = `#!/bin/sh
echo "$*" >>"$0.calls"
line=$(sed -n "$(wc -l <"$0.calls")p" "$0.answers")
printf '%b\\n' "\${line#* }" >&2
exit "\${line%% *}"
`;
const ready = (token: string) => `0 {'1_info': 'Token is ready for use',\\n 'token': '${token}'}`;
const used =
  "0 {'1_info': 'Token not available, it has been used to generate '\\n 're6stnet certificate.',\\n 'token': '1old'}";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-token-'));
  await writeFile(join(folder, 'slapos'), slapos, { mode: 0o755 });
  // Nobody waits for what is only a file.
  await writeFile(join(folder, 'sleep'), '#!/bin/sh\n', { mode: 0o755 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function ask(answers: readonly string[], names: readonly string[], patience = '60', script = re6stTokenScript) {
  await writeFile(join(folder, 'slapos.answers'), `${answers.join('\n')}\n`);
  const words = ['-c', script, 'sh', patience, 'http://release', 'COMP-1', ...names];
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { exit, stdout } = await promisify(execFile)('sh', words, { env }).then(
    ({ stdout }) => ({ exit: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ exit: error.code, stdout: error.stdout }),
  );
  const noted = await readFile(join(folder, 'slapos.calls'), 'utf8').catch(() => '');
  const calls = noted.trim().split('\n');
  return { exit, token: new RegExp(re6stTokenSays, 'm').exec(stdout)?.[1], stdout, calls };
}
const request = (name: string) => `request ${name} http://release --slave --node computer_guid=COMP-1`;

describe('a re6st token', () => {
  it('is waited for until the registry has it; the others are asked for as well', async () => {
    const { exit, token, calls } = await ask(
      [
        '2 Instance requested',
        '2 Instance requested',
        '2 Instance requested',
        "0 {'1_info': 'New token requested', 'token': '7abc'}",
        ready('7abc'),
      ],
      ['re6st-a', 're6st-b'],
    );
    expect({ exit, token }).toEqual({ exit: 0, token: '7abc' });
    expect(calls).toEqual(['re6st-a', 're6st-b', 're6st-a', 're6st-a', 're6st-a'].map(request));
  });

  it('is given up in its time where slapos does not come back, and the own one is asked for first and last', async () => {
    await writeFile(join(folder, 'slapos'), '#!/bin/sh\necho "$*" >>"$0.calls"\nexec /bin/sleep 60\n', { mode: 0o755 });
    const others = Array.from({ length: 20 }, (_, index) => `re6st-${index}`);
    const hasty = re6stTokenScript.replace(/timeout -k 5 \d+/, 'timeout -k 5 1');
    const { exit, stdout, calls } = await ask([], ['re6st-a', ...others], '2', hasty);
    expect({ exit, stdout }).toEqual({ exit: 4, stdout: '' });
    expect(calls.length).toBeLessThan(others.length);
    expect([calls.at(0), calls.at(-1)]).toEqual([request('re6st-a'), request('re6st-a')]);
  }, 30_000);

  it('is none where slapos is away', async () => {
    await writeFile(join(folder, 'slapos'), `#!${folder}/nothing\n`);
    expect(await ask([], ['re6st-a', 're6st-b'])).toMatchObject({ exit: 1, stdout: '' });
  });

  it('is the next one where the first was used before', async () => {
    const { token, calls } = await ask([used, used, ready('9xyz')], ['re6st-a']);
    expect(token).toBe('9xyz');
    expect(calls).toEqual(['re6st-a', 're6st-a_2', 're6st-a_3'].map(request));
  });

  it('has a name that is no other machine’s', async () => {
    const { calls } = await ask([used, ready('9xyz')], ['re6st-node']);
    const [, further = ''] = calls.map((line) => line.split(' ')[1] ?? '');
    const named = (name: string) => machine.shape.name.safeParse(name).success;
    expect([named('node-2'), named(further.replace('re6st-', ''))]).toEqual([true, false]);
  });

  it.each([
    ['the master refuses', ['1 Unauthorized'], '60', 1],
    ['it never comes', ["0 {'1_info': 'New token requested', 'token': '7abc'}"], '0', 4],
    ['all were used', Array.from({ length: 20 }, () => used), '60', 3],
  ])('is none, and nothing is said, where %s', async (_what, answers, patience, exit) => {
    expect(await ask(answers, ['re6st-a'], patience)).toMatchObject({ exit, stdout: '' });
  });
});
