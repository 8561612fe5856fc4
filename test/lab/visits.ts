/**
 * A lab, its vendor repository, and for each machine a laptop with a site plan of its own over that machine: for tests that meet many
 * machines and prepare little. Called by the tests of addresses, of the check of a machine, and of refusals.
 */
import { Lab } from './lab.ts';
import type { LabMachine } from './machine.ts';
import { type CliResult, type LabSite, Laptop, makeSite } from './site.ts';
import { startVendorRepository, type VendorRepository } from './vendor.ts';

interface Visit {
  readonly laptop: Laptop;
  /** The program with these words and the laptop's answers. */
  readonly run: (words: readonly string[]) => Promise<CliResult>;
}

export class Visits {
  readonly lab: Lab;
  readonly vendor: VendorRepository;
  readonly #laptops: Laptop[] = [];

  private constructor(lab: Lab, vendor: VendorRepository) {
    this.lab = lab;
    this.vendor = vendor;
  }

  static async open(): Promise<Visits> {
    const lab = await Lab.open();
    try {
      return new Visits(lab, await startVendorRepository());
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.vendor.close();
    await this.lab.close();
    for (const laptop of this.#laptops) await laptop.discard();
  }

  async meet(
    machine: LabMachine,
    {
      answers = {},
      ...plan
    }: { readonly answers?: Readonly<Record<string, string>> } & Omit<LabSite, 'machine' | 'vendor'> = {},
  ): Promise<Visit> {
    const laptop = await Laptop.make({ passphrase: 'a long passphrase', 'host-key:master-1': 'yes', ...answers });
    this.#laptops.push(laptop);
    await makeSite(laptop, { machine, vendor: this.vendor, ...plan });
    return { laptop, run: (words) => laptop.fieldkit([...words, '--answers', laptop.answersPath]) };
  }
}
