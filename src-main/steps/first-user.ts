// The master's first user: shown at the gates where a person logs in. The password is read only when somebody asks to see it, and
// kept nowhere.
import { type AnyContext, machineOfSubject, type World } from '../runbook/define.ts';
import { firstPasswordArgv } from '../target/slapproxy.ts';

/** What a person types on the machine to see the password, when it is needed and nowhere else. */
export const showPassword =
  'slapos proxy show --cfg /etc/opt/slapos/slapos-proxy.cfg --params | grep inituser-password';

/** Reads it from the subject's machine; empty while it is not published. */
export async function revealFirstPassword(world: World, context: AnyContext): Promise<string> {
  const { name } = machineOfSubject(context);
  const argv = firstPasswordArgv(context.site.master.instance);
  const { password } = await world.probe(name, [{ id: 'password', kind: 'run', argv, limitMs: 60_000 }]);
  return password?.exit === 0 ? password.out.trim() : '';
}
