// Every command of fieldkit, with its options and sentences. Run by the entry; told as pages by the manual.
import { Command } from 'commander';
import { interviewSystems } from '../../src-shared/interview.ts';
import { program as programName } from '../compose.ts';
import { clearCache, limitCache, listCache, verifyCache } from './commands/cache.ts';
import { exportSite } from './commands/export.ts';
import { exportKeys, importKeys } from './commands/keys.ts';
import { addMachines, listMachines, removeFromPlan, renewInPlan } from './commands/machines.ts';
import { listMedia, verifyMedium } from './commands/medium.ts';
import { cleanMedium, cloneMedium, compareMedia, restoreMedium, showMedium } from './commands/medium-content.ts';
import { formatMedium, repairMedium } from './commands/medium-drive.ts';
import { rehearseMedium } from './commands/medium-rehearse.ts';
import { practise, practiseFaults } from './commands/practice.ts';
import { compareRecord, listRecords, showRecord, verifyRecord } from './commands/record.ts';
import { checkSteps, planSteps, resumeSteps, runSteps, showPassword, undoSteps } from './commands/run.ts';
import { showSheet } from './commands/sheet.ts';
import { beginSite, createSiteFrom, listSites, listSteps, showJournal } from './commands/sites.ts';
import { testSources } from './commands/sources.ts';
import { tellSupport } from './commands/support.ts';
import { surveyMachines } from './commands/survey.ts';
import { takeOver } from './commands/take-over.ts';
import { exitCodeLines } from './exit-codes.ts';

export const program = new Command('fieldkit')
  .version(programName, '--version', 'the name and version of this program')
  .description('Prepares a medium online and installs SlapOS from it on machines without a network.')
  .showHelpAfterError()
  .enablePositionalOptions()
  .addHelpText('after', `\nExit codes:\n${exitCodeLines().join('\n')}`)
  .exitOverride();

/** An option that may be given several times, and takes one word each time. */
const more = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const common = (command: Command): Command =>
  command.option('--json', 'one JSON line a result').option('--language <en|fr>', 'language of the sentences');
const onSite = (command: Command): Command =>
  common(command).option('--site <name>', 'the site; not needed when there is only one');
const answering = (command: Command): Command =>
  onSite(command).option('--answers <file>', 'JSON file with answers by question id');
const asking = (command: Command): Command =>
  answering(command)
    .option('--technician <name>', 'who answers, for journal and record; kept on this laptop')
    .option(
      '--input <instance.field=value>',
      'input of a step, e.g. choose-medium@site.path=/media/stick; repeatable',
      more,
    );

const end =
  (act: (...args: never[]) => Promise<number>) =>
  async (...args: unknown[]) => {
    process.exitCode = await act(...(args as never[]));
  };

const sites = common(
  program.command('sites').enablePositionalOptions().description('list the sites on this laptop'),
).action(end(listSites));
common(sites.command('create').argument('<file>', 'site plan, YAML'))
  .description('make a site from a plan')
  .action(end(createSiteFrom));
common(sites.command('take-over').argument('<medium>', 'folder of the medium'))
  .description('go on here with the site on a medium: shows it, and takes it over once its fingerprint was compared')
  .option('--name <site>', 'the site; not needed when the medium carries one')
  .option('--fingerprint <hex>', 'the manifest fingerprint from the printed sheet; without it a terminal is asked')
  .option('--keep <medium|laptop>', 'whose history stands when this laptop has the site already')
  .action(end(takeOver));
common(sites.command('new').argument('<name>'))
  .description('make a site whose plan is begun from a few answers')
  .requiredOption('--master <address>', 'where SSH of the master answers')
  .option('--node <address>', 'where SSH of a node answers; repeatable', more)
  .option('--user <name>', 'who logs in', 'root')
  .requiredOption('--interface <name>', 'network interface of the machines')
  .option(
    '--re6st <range>',
    'range of the re6st network, such as fdbb:eb3c:1b95::/48; its registry stands on the first node',
  )
  .option('--domain <name>', 'domain of the frontend, which stands on the last node')
  .option('--system <name>', `one of ${interviewSystems.join(', ')}`, 'debian-12')
  .action(end(beginSite));
const machines = onSite(
  program.command('machines').enablePositionalOptions().description('the machines of a site, and how far each is'),
).action(end(listMachines));
onSite(machines.command('add').argument('[names...]', 'its name; with --from the names to take, all when none'))
  .description('add machines to the plan: one, or those of a CSV file, an ssh_config or an Ansible inventory')
  .option('--from <file>', 'a list of machines; the options below are for what it does not say')
  .option('--format <csv|ssh-config|inventory>', 'what the list is, where its name does not tell')
  .option('--address <address>', 'where SSH answers')
  .option('--port <number>', 'port of SSH')
  .option('--user <name>', 'who logs in')
  .option('--role <role>', 'node when none is given; repeatable', more)
  .option('--interface <name>', "network interface; the master's when none is given")
  .option('--system <system>', "such as debian-12-amd64; the master's when none is given")
  .option('--jump <machine>', 'a machine of the plan through which it is reached')
  .option('--client <name>', 'the ordinary user who asks the master for services')
  .option('--key-file <path>', 'private key on this laptop')
  .action(end(addMachines));
onSite(machines.command('remove').argument('<name>'))
  .description(
    'take a machine out of the plan; a node that the master knows is emptied first, by the step take-out-node',
  )
  .option('--lost', 'the machine is gone: it is taken out at once, and what the master has of it stays there')
  .action(end(removeFromPlan));
onSite(machines.command('renew').argument('<name>'))
  .description(
    'the machine was installed anew under its name: forget its host key, and all that was known of the one before',
  )
  .action(end(renewInPlan));
onSite(program.command('steps').description('list the steps of a site and their states')).action(end(listSteps));
asking(program.command('check').argument('[steps...]', 'instances, steps or chapters; all when none'))
  .description('read facts and say what they mean; changes nothing')
  .action(end(checkSteps));
asking(program.command('plan').argument('<steps...>'))
  .option('--shell', 'as shell text')
  .description('show what would change; changes nothing')
  .action(end(planSteps));
asking(program.command('run').argument('[steps...]', 'instances, steps or chapters; all when none'))
  .option('--yes', 'perform plans without asking, except those that destroy')
  .option('--skip <code>', 'go on past this skippable finding; repeatable', more)
  .option('--at-once <count>', 'nodes worked on side by side; 5 without it')
  .description('run steps in order until one needs a person')
  .action(end(runSteps));
asking(program.command('resume'))
  .option('--yes', 'perform plans without asking, except those that destroy')
  .option('--skip <code>', 'go on past this skippable finding; repeatable', more)
  .option('--at-once <count>', 'nodes worked on side by side; 5 without it')
  .description('say what was interrupted, and go on with every step that is not done')
  .action(end(resumeSteps));
asking(program.command('show-password').argument('[step]', 'an instance, or a step with one', 'first-login'))
  .option('--print', 'also where standard output is no terminal')
  .description('show the secret that a person needs at a step; the journal says that it was shown')
  .action(end(showPassword));
asking(program.command('undo').argument('<steps...>', 'instances, steps or chapters'))
  .option('--yes', 'take it back without asking')
  .description('take back what steps did, the last done first; says before what stays')
  .action(end(undoSteps));
onSite(
  program.command('sheet').description('what to print before leaving: fingerprint, machines, what to bring, steps'),
)
  .option('--output <file>', 'a new file: NAME.html for a printer, NAME.txt as text')
  .action(end(showSheet));
onSite(program.command('journal').description('what happened'))
  .option('--since <number>', 'events after this number')
  .action(end(showJournal));
onSite(program.command('support').description('what to hand to somebody who helps, as one text without secrets'))
  .option('--hide-addresses', 'put words in place of addresses and host names')
  .option('--output <folder>', 'write it into this folder instead of showing it')
  .action(end(tellSupport));
asking(program.command('survey').argument('[machines...]', 'all that are on site when none is named'))
  .option('--output <folder>', 'where the files are written', '.')
  .description('bring back what the machines have already, so that the medium can be made for them; changes nothing')
  .action(end(surveyMachines));
onSite(program.command('export').argument('<shell|ansible>').argument('<folder>', 'where the new folder is made'))
  .description('what was done on the machines, as a shell runbook or an Ansible inventory and playbook')
  .action(end(exportSite));
const medium = program.command('medium').description('drives, and what a medium holds');
common(medium.command('list'))
  .description('drives and why each may or may not be used')
  .option('--watch', 'print the list again whenever a drive is plugged in, pulled, mounted or unmounted')
  .action(end(listMedia));
common(medium.command('verify').argument('<folder>'))
  .description('read a medium back against its signed manifest')
  .option('--fingerprint <hex>', 'the manifest key to trust')
  .action(end(verifyMedium));
common(medium.command('show').argument('<folder>'))
  .description('what a medium holds, and whether it is sealed')
  .action(end(showMedium));
onSite(medium.command('rehearse').argument('[folder]', 'another medium than the site’s own, such as a copy of it'))
  .description(
    'walk every step of the site on simulated machines, from the sealed medium alone; changes nothing, and keeps only what it came to',
  )
  .action(end(rehearseMedium));
common(medium.command('compare').argument('<folder>').argument('<other>'))
  .description('what two sealed media have that the other has not')
  .action(end(compareMedia));
common(medium.command('clone').argument('<folder>').argument('<to>'))
  .description('copy a sealed medium into another folder')
  .action(end(cloneMedium));
common(medium.command('clean').argument('<folder>'))
  .option('--yes', 'remove what is listed; without it nothing is removed')
  .description('list what only earlier generations need')
  .action(end(cleanMedium));
common(medium.command('restore').argument('<folder>'))
  .option('--generation <number>', 'the one before when absent')
  .option('--fingerprint <hex>', 'the manifest key to trust')
  .description('make an earlier generation the sealed one again')
  .action(end(restoreMedium));
common(medium.command('repair').argument('<place>', 'device or folder, e.g. /dev/sdb1'))
  .option('--yes', 'repair it; without it the file system is only looked at')
  .description('look through the file system of a stick that was pulled, and have it repaired')
  .action(end(repairMedium));
common(medium.command('format').argument('<drive>', 'the whole drive, e.g. /dev/sdb'))
  .option('--as <exfat|ext4|fat32>', 'file system', 'exfat')
  .option('--label <name>', 'its new name', 'FIELDKIT')
  .option('--confirm <name>', 'the name of the drive as it is shown; without it a terminal is asked')
  .description('erase a drive and give it a new file system; says first what will be lost')
  .action(end(formatMedium));
const keys = program
  .command('keys')
  .description('private keys of a site, for another laptop that is to go on with its medium');
answering(keys.command('export').argument('<file>', 'a new file, not on the medium'))
  .description('write them, encrypted with a passphrase of their own')
  .action(end(exportKeys));
answering(keys.command('import').argument('<file>'))
  .description("read them into this laptop's vault, once they prove to be the site's")
  .action(end(importKeys));
const sources = program.command('sources').description('where the content of a site comes from');
answering(
  sources.command('test').description('ask every source of the site plan whether it answers; fetches nothing large'),
).action(end(testSources));
const cache = program.command('cache').description('downloads kept on this laptop, for every site');
common(cache.command('list')).description('what is kept, by kind').action(end(listCache));
common(cache.command('verify')).description('read everything and compare it with its name').action(end(verifyCache));
common(cache.command('clear'))
  .option('--older-than <days>', 'only what was not used for so long')
  .option('--keep <size>', 'leave so much, the longest unused goes first, e.g. 20GB')
  .description('remove downloads; they are fetched again when they are needed')
  .action(end(clearCache));
common(cache.command('limit').argument('<size>', 'e.g. 50GB'))
  .description('keep at most so much from now on')
  .action(end(limitCache));
const record = program.command('record').description('what was built, as signed documents');
onSite(record.command('list')).description('the records of a site').action(end(listRecords));
onSite(record.command('show').argument('[number]', 'the latest when none is given'))
  .description('a record; with --json the whole of it')
  .action(end(showRecord));
common(record.command('verify').argument('<path>', "a record's folder, or a file in it"))
  .description('check a record wherever it lies, offline; names the file that was changed')
  .option('--fingerprint <hex>', "the key to trust; else that of the record's site on this laptop")
  .action(end(verifyRecord));
asking(record.command('compare').argument('[number]', 'the latest when none is given'))
  .description('compare the machines with a record; only reads')
  .action(end(compareRecord));
const practice = common(
  program.command('practice').enablePositionalOptions().description('make the practice site, with simulated machines'),
)
  .option('--walk', 'walk the whole practice site with its own answers')
  .action(end(practise));
common(practice.command('faults').argument('[fault]', 'one of them').argument('[on|off]', 'switch it'))
  .description('list what can go wrong on the practice site, or switch one of them')
  .action(end(practiseFaults));
