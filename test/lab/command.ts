/**
 * Runs one program of the host and waits for it. Called by everything in the lab.
 * Must never go through a shell on the host, and never print what was given on standard input.
 */
import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Exit code, or 128 + 9 when it was killed by a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Added to the lab's own environment; `undefined` takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** After this the program is killed and the call fails. Default: ten minutes. */
  readonly timeoutMs?: number;
}

/** Runs a program and returns whatever it answers, a failure included. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error('no program named');
  const timeoutMs = options.timeoutMs ?? 600_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let stdout = '';
    let stderr = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // The program may end before it has read everything: that is its affair, its exit code tells.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${argv.join(' ')}: no answer within ${timeoutMs} ms\n${tail(stderr || stdout)}`));
      else resolve({ code: code ?? 137, stdout, stderr });
    });
  });
}

/** Runs a program that must succeed; its standard output is returned. */
export async function mustRun(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await runCommand(argv, options);
  if (result.code !== 0) {
    throw new Error(`${argv.join(' ')}: exit ${result.code}\n${tail(result.stderr || result.stdout)}`);
  }
  return result.stdout;
}

function tail(text: string): string {
  return text.split('\n').slice(-40).join('\n');
}
