// Who uses this laptop, for records and locks. Called by the engine and the connection. Tells nothing to anybody.
import { userInfo } from 'node:os';

/** Name of the user; its number where the system knows no name for it, as in a container. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
