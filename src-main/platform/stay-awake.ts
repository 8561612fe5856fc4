// Keeps a laptop awake while the terminal works; the window asks Electron instead. Called by the command line.
import { Readable } from 'node:stream';
import { runLocal } from './shell.ts';

/**
 * Neither sleep nor a closed lid stops what runs, until the returned function is called or this process ends, however it does:
 * systemd-inhibit holds on for as long as a pipe of ours is open. Where it is not to be had, nothing happens.
 * @param why what other programs show as the reason
 */
export function stayAwake(why: string): () => void {
  const held = new Readable({ read: () => undefined });
  const inhibit = ['systemd-inhibit', '--what=sleep:idle:handle-lid-switch', '--who=SlapOS Field Kit', `--why=${why}`];
  runLocal([...inhibit, '--mode=block', 'cat'], { stdin: held }).catch(() => undefined);
  return () => held.push(null);
}
