/**
 * What a person does in the master's panel, done by a test: takes one-time tokens, revokes certificates. Used by tests and checkpoints
 * with nodes. Nothing of the program knows these pages: it only tells the person where they are.
 */
import type { LabMachine } from './machine.ts';

/** The first user of the stand-in, whose password the program shows on demand. */
const login = `Basic ${Buffer.from('zope:labinituser5canary5of5the5master').toString('base64')}`;

export class Panel {
  readonly #base: string;

  constructor(master: Pick<LabMachine, 'address'>) {
    this.#base = `http://${master.address}/erp5/web_site_module/slapos_master_panel`;
  }

  /** A token for a new node, or for a person's certificate; it expires after so many seconds. */
  token(kind: 'computer' | 'credential', seconds = 3600): Promise<string> {
    return this.#act('give_token', { kind, seconds: String(seconds) });
  }

  /** Ends the certificate of a node, by its name there, or of the `person`. */
  async revoke(title: string): Promise<void> {
    await this.#act('revoke', { title });
  }

  /** Spends a token on another computer, as somebody would who copied it twice. */
  async spend(token: string, title: string): Promise<void> {
    await fetch(`${this.#base}/Person_requestComputer`, {
      method: 'POST',
      headers: { 'X-Access-Token': token },
      body: new URLSearchParams({ title }),
    });
  }

  /** A master that has just booted needs some seconds until its pages are there. */
  async #act(action: string, form: Readonly<Record<string, string>>): Promise<string> {
    for (let second = 0; ; second += 1) {
      const answer = await fetch(`${this.#base}/${action}`, {
        method: 'POST',
        headers: { authorization: login },
        body: new URLSearchParams(form),
      }).catch(() => null);
      if (answer?.ok) return answer.text();
      if (second >= 300) throw new Error(`the panel: ${answer === null ? 'no answer' : answer.status}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
