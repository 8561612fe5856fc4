// A port on the target's loopback whose connections come to the laptop through ssh; nothing listens on the laptop.
// Called by connection.ts. It must never end an sshd process that is not a left-over of our own: the process that holds our
// port is recorded in /run/fieldkit/sessions/ before the port is asked for, by process id and start time.
import { hostname } from 'node:os';
import type { TcpConnectionDetails } from 'ssh2';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { userName } from '../platform/who.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { Link } from './link.ts';
import { runScript, scriptFailed, shortMs } from './script.ts';
import type { Forward, ForwardRequest } from './target.ts';

const loopback = '127.0.0.1';
const freeingTries = 20;
const freeingPauseMs = 250;

/** Who we are in the target's records: one user on one laptop. A site is driven by one program at a time, so older ones are gone. */
const owner = (): string => `${hostname()} ${userName()}`.replace(/[^A-Za-z0-9_.@ -]/g, '_');

/** Field 22 of /proc/PID/stat, counted after the command name, which may hold blanks: no other process has both. */
const startTimeShell = `started() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }`;

/** Walks up from the shell to the sshd that serves this session, and notes it; forgets records of processes that are gone. */
const recordScript = [
  'd=/run/fieldkit/sessions; umask 077; mkdir -p "$d" || exit 1',
  startTimeShell,
  'for r in "$d"/*; do [ -e "$r" ] || continue; n=$(basename "$r"); [ "$(started "$(echo "$n" | cut -d . -f 1)")" = "$(echo "$n" | cut -d . -f 2)" ] || rm -f "$r"; done',
  'p=$$',
  'while [ "$p" -gt 1 ]; do',
  '  case $(cat "/proc/$p/comm" 2>/dev/null) in sshd|sshd-session) break;; esac',
  `  p=$(sed 's/^.*) //' "/proc/$p/stat" | cut -d ' ' -f 2) || exit 1`,
  'done',
  '[ "$p" -gt 1 ] || exit 0',
  'printf "%s\\n" "$1" >"$d/$p.$(started "$p")" && echo "$p"',
].join('\n');

/** Prints `free`, or `held PID OURS NAME`; asks the kernel's table when ss cannot name the holder. */
const holderScript = [
  'd=/run/fieldkit/sessions',
  startTimeShell,
  'line=$(ss -Hltnp "sport = :$1" 2>/dev/null | head -n 1)',
  'if [ -z "$line" ]; then',
  '  hex=$(printf ":%04X " "$1")',
  '  if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "$hex.* 0A "; then echo "held 0 no"; else echo free; fi',
  '  exit',
  'fi',
  `p=$(echo "$line" | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p')`,
  'ours=no',
  '[ -n "$p" ] && [ "$p" != "$3" ] && [ "$(cat "$d/$p.$(started "$p")" 2>/dev/null)" = "$2" ] && ours=yes',
  'echo "held ${p:-0} $ours $(cat "/proc/${p:-0}/comm" 2>/dev/null)"',
].join('\n');

const endScript = [startTimeShell, '[ -f "/run/fieldkit/sessions/$1.$(started "$1")" ] && kill -TERM "$1"'].join('\n');

interface OpenPort {
  readonly request: ForwardRequest;
  readonly streams: Set<ChannelSocket>;
}
const portsOf = new WeakMap<Link, Map<number, OpenPort>>();

/** One listener per connection hands each incoming stream to the forward of its port. */
function ports(link: Link): Map<number, OpenPort> {
  const known = portsOf.get(link);
  if (known !== undefined) return known;
  const made = new Map<number, OpenPort>();
  portsOf.set(link, made);
  link.client.on('tcp connection', (details: TcpConnectionDetails, accept, reject) => {
    const port = made.get(details.destPort);
    if (port === undefined) {
      reject();
      return;
    }
    const stream = new ChannelSocket(accept(), { address: details.srcIP, port: details.srcPort });
    port.streams.add(stream);
    stream.once('close', () => port.streams.delete(stream));
    // A client that goes away in the middle is ordinary; who uses the stream sees its close.
    stream.on('error', () => undefined);
    port.request.onStream(stream);
  });
  return made;
}

/**
 * Opens a forward. Throws `forward-port-taken` (with the holder's name), `forwarding-forbidden` (sshd's AllowTcpForwarding or
 * PermitListen says no), `connection-lost`, `cancelled`.
 */
export async function reverseForward(
  link: Link,
  request: ForwardRequest,
  clock: Clock = systemClock,
): Promise<Forward> {
  const { port, signal } = request;
  const machine = link.machine.name;
  const limits = { limitMs: shortMs, ...(signal === undefined ? {} : { signal }) };
  const recorded = await runScript(link, recordScript, [owner()], limits);
  if (recorded.exit !== 0) throw scriptFailed(link, 'record the session', recorded);
  const ownPid = recorded.stdout.trim();
  let endedOld = false;
  let refusedWhileFree = 0;
  for (let tries = 0; ; tries += 1) {
    if (await ask(link, port)) break;
    const looked = await runScript(link, holderScript, [String(port), owner(), ownPid], limits);
    const [word, pid, ours, ...name] = looked.stdout.trim().split(' ');
    const holder = cleanLine(`${name.join(' ')} ${pid ?? ''}`);
    if (word !== 'held') refusedWhileFree += 1;
    // Refused although nobody holds it, and once more: sshd forbids. Once alone says nothing, the holder may just have gone.
    if (refusedWhileFree > 1 && !endedOld) throw problem('forwarding-forbidden', { machine });
    if (word === 'held' && ours !== 'yes' && !endedOld) throw problem('forward-port-taken', { machine, port, holder });
    if (word === 'held' && ours === 'yes' && pid !== undefined) {
      await runScript(link, endScript, [pid], limits);
      endedOld = true;
    }
    if (tries >= freeingTries) throw problem('forward-port-taken', { machine, port, holder });
    await clock.sleep(freeingPauseMs, signal);
  }
  const open: OpenPort = { request, streams: new Set() };
  ports(link).set(port, open);
  return {
    close: async () => {
      if (ports(link).get(port) === open) ports(link).delete(port);
      for (const stream of open.streams) stream.destroy();
      if (link.gone() !== null) return;
      await new Promise<void>((resolve) => {
        try {
          link.client.unforwardIn(loopback, port, () => resolve());
        } catch {
          // The connection is gone, and the port with it.
          resolve();
        }
      });
    },
  };
}

function ask(link: Link, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const lost = (detail: string) =>
      link.gone() ?? problem('connection-lost', { machine: link.machine.name, detail: cleanLine(detail) });
    try {
      link.client.forwardIn(loopback, port, (error) => {
        if (error === undefined) resolve(true);
        else if (link.gone() !== null || /No response/.test(error.message)) reject(lost(error.message));
        else resolve(false);
      });
    } catch (thrown) {
      reject(lost((thrown as Error).message));
    }
  });
}
