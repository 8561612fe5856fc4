// What a simulated build machine does besides: compile a release, tell its size, pack it. Used by commands/index.ts. The new
// master is not simulated: the practice site asks for none.
import { urlKey } from '../../software/entry.ts';
import { compileScript, packScript, sizesScript } from '../../target/builder-scripts.ts';
import { releaseArchive } from '../archives.ts';
import type { Call, Outcome } from '../machine.ts';
import { aFolder, sizeOf, textFile } from '../state.ts';
import { log } from './slapos-common.ts';

const parts = ['libxml2', 'openssl', 'python3.9', 'trafficserver', 'slapos-cookbook', 'caddy', 'template'];
const owner = 'slapsoft:slapsoft';

/** The builder's scripts; null for any other. */
export function builderScript(call: Call): Outcome | Promise<Outcome> | null {
  const [, , script] = call.argv;
  if (script === compileScript) return compile(call);
  if (script === sizesScript) return sizes(call);
  return script === packScript ? packed(call) : null;
}

function compile(call: Call): Outcome {
  const folder = call.argv[4] ?? '';
  const lines = parts.map((part) => log(call, 'INFO', `Installing ${part}.`));
  const completed = textFile(`${new Date(call.nowMs).toUTCString()}\n`, 0o644, owner);
  return {
    exit: 0,
    out: [log(call, 'INFO', 'Processing software releases...'), ...lines].join(''),
    lastsMs: 14_000,
    patch: {
      files: {
        [folder]: aFolder(0o750, owner),
        [`${folder}/bin`]: aFolder(0o750, owner),
        [`${folder}/.completed`]: completed,
      },
    },
  };
}

function sizes({ argv, state }: Call): Outcome {
  const [, , , , archive = '', folder = ''] = argv;
  const node = state.files[archive];
  if (node !== undefined) return { exit: 0, out: `packed ${sizeOf(node)}\n` };
  return { exit: 0, out: state.files[folder] === undefined ? '' : 'unpacked 41000000\n' };
}

/** A real archive, so that what is fetched can be checked as any other. */
async function packed({ argv, state }: Call): Promise<Outcome> {
  const [, , , , md5 = '', to = '', total = '0'] = argv;
  const url = state.supplied.find((item) => urlKey(item.url) === md5)?.url;
  if (url === undefined) return { exit: 2, err: `tar: ${md5}: Cannot stat: No such file or directory\n` };
  const archive = await releaseArchive(url, 200_000);
  const told = [0.25, 0.5, 0.75].map((share) => `packed ${Math.round(Number(total) * share)} of ${total}\n`);
  return {
    exit: 0,
    out: told.join(''),
    lastsMs: 5000,
    patch: {
      files: { [to]: { kind: 'f', mode: 0o600, owner: 'root:root', text: archive.toString('base64'), binary: true } },
    },
  };
}
