// The server that a machine runs when it holds the content itself: the distribution's nginx under a unit and a configuration of
// ours. Texts, probes and commands, used by serve-content and remove-content. Pure.
// Must never touch nginx.conf nor start nginx.service: where nginx was there before, its own sites go on as they are.
import { z } from 'zod';
import { mediumRoot } from '../../src-shared/manifest.ts';
import {
  addressesOf,
  callersOf,
  contentWayOf,
  isBuilder,
  keepsContent,
  type Machine,
  type SitePlan,
} from '../../src-shared/site.ts';
import type { Answer, Command, Probe } from '../runbook/define.ts';
import { run, says } from '../runbook/define.ts';
import { parseAddresses } from '../target/system.ts';
import { type afterCutOff, aptArgv, aptInstallArgv, isInstalled, packageStatusArgv } from './apt.ts';

/** `nginx` is the package that holds the program, or asks for the one that does, in every Debian and Ubuntu we know. */
export const serverPackage = 'nginx';

export const contentPaths = {
  /** The copy that stays on a master. */
  copy: '/srv/fieldkit/content',
  /** What the copy holds: sha256 and path, as sha256sum reads it. Written after the files. */
  list: '/srv/fieldkit/content.sha256',
  /** Where a plugged medium is mounted, read-only. */
  mountPoint: '/run/fieldkit/medium',
  mountUnit: '/etc/systemd/system/run-fieldkit-medium.mount',
  config: '/etc/fieldkit/content.conf',
  unit: '/etc/systemd/system/fieldkit-content.service',
} as const;

export const mountUnitName = 'run-fieldkit-medium.mount';
export const serverUnitName = 'fieldkit-content.service';
export const pluggedRoot = `${contentPaths.mountPoint}/${mediumRoot}`;

/** Whether this machine runs the server at all. */
export const servesContent = (site: SitePlan, machine: Machine): boolean =>
  keepsContent(site, machine) || (!isBuilder(machine) && contentWayOf(site, machine) === 'medium');

/** Addresses of the plan that the machine has now; others could not be listened on. Sorted as the plan has them. */
export const listenable = (machine: Machine, ipOutput: string): string[] => {
  const present = new Set(parseAddresses(ipOutput).map((text) => text.replace(/\/\d+$/, '')));
  return addressesOf(machine).filter((address) => present.has(address));
};

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

export interface Serving {
  readonly root: string;
  readonly port: number;
  /** Beside the loopback. */
  readonly addresses: readonly string[];
  /** Who may ask, beside the machine itself. */
  readonly allowed: readonly string[];
}

/** A copy is for the machines of the plan, a plugged medium for its machine alone. */
export function servingOf(site: SitePlan, machine: Machine, present: readonly string[]): Serving {
  const { serverPort: port } = site.content;
  if (!keepsContent(site, machine)) return { root: pluggedRoot, port, addresses: [], allowed: [] };
  const users = site.machines.filter(
    (item) => item.name === machine.name || (!isBuilder(item) && contentWayOf(site, item) === 'resident'),
  );
  const others = users.some((item) => item.name !== machine.name);
  return {
    root: contentPaths.copy,
    port,
    addresses: others ? present : [],
    allowed: [...new Set(users.flatMap((item) => callersOf(site, item)))],
  };
}

/**
 * Everything is said here, nothing is included: another package's snippets must not change what is served. A package's file name
 * writes `:` as `%3a`, and a client that does not quote the percent sign asks for the colon.
 */
export const configText = ({ root, port, addresses, allowed }: Serving): string => `# Written by SlapOS Field Kit.
worker_processes 1;
pid /run/fieldkit-content/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  server_tokens off;
  default_type application/octet-stream;
  sendfile on;
  client_max_body_size 1;
  client_body_temp_path /run/fieldkit-content/body;
  proxy_temp_path /run/fieldkit-content/proxy;
  fastcgi_temp_path /run/fieldkit-content/fastcgi;
  uwsgi_temp_path /run/fieldkit-content/uwsgi;
  scgi_temp_path /run/fieldkit-content/scgi;
  map $uri $as_on_medium {
    "~^(?<before>[^:]*):(?<after>[^:]*)$" "\${before}%3a\${after}";
    default $uri;
  }
  server {
${['127.0.0.1', '::1', ...addresses].map((address) => `    listen ${bracketed(address)}:${port};\n`).join('')}    root ${root};
    disable_symlinks on;
    allow 127.0.0.1;
    allow ::1;
${allowed.map((address) => `    allow ${address};\n`).join('')}    deny all;
    location ~ "^/(bdir/[0-9a-f]{32}|bcache/[0-9a-f]{128}|debian/.+)$" {
      limit_except GET { deny all; }
      try_files $uri $as_on_medium =404;
    }
    location / { return 404; }
  }
}
`;

/** Its own user, no right to write, no way to more. A plugged medium takes it along when it goes. */
export const unitText = ({ root, allowed }: Serving): string => `# Written by SlapOS Field Kit.
[Unit]
Description=SlapOS Field Kit serves packages and software releases
Wants=network-online.target
After=network-online.target
${root === contentPaths.copy ? `ConditionPathExists=${contentPaths.copy}` : `BindsTo=${mountUnitName}\nAfter=${mountUnitName}`}
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/sbin/nginx -c ${contentPaths.config} -g "daemon off;"
ExecReload=/bin/kill -HUP $MAINPID
# An address of the plan may come later than the network.
Restart=on-failure
RestartSec=3
User=fieldkit-content
DynamicUser=yes
RuntimeDirectory=fieldkit-content
CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
${allowed.length === 0 ? '' : '[Install]\nWantedBy=multi-user.target\n'}`;

export const serverFacts = z.strictObject({
  /** nginx is there, whoever brought it, and not half installed. */
  installed: z.boolean(),
  config: z.string().nullable(),
  unit: z.string().nullable(),
  active: z.boolean(),
  /** Addresses of the plan that the machine has. */
  addresses: z.array(z.string()),
});
export type ServerFacts = z.infer<typeof serverFacts>;

export const serverProbes: readonly Probe[] = [
  { id: 'nginx', kind: 'stat', path: '/usr/sbin/nginx' },
  { id: 'nginx-package', kind: 'run', argv: packageStatusArgv(serverPackage) },
  { id: 'server-config', kind: 'read', path: contentPaths.config },
  { id: 'server-unit', kind: 'read', path: contentPaths.unit },
  { id: 'server-active', kind: 'run', argv: ['systemctl', 'is-active', serverUnitName] },
  { id: 'own-addresses', kind: 'run', argv: ['ip', '-j', 'addr', 'show'] },
];

export function serverFactsOf(machine: Machine, answers: Readonly<Record<string, Answer>>): ServerFacts {
  const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
  return {
    installed: text('nginx') !== null && (text('nginx-package') === null || isInstalled(text('nginx-package') ?? '')),
    config: text('server-config'),
    unit: text('server-unit'),
    active: answers['server-active']?.exit === 0,
    addresses: listenable(machine, text('own-addresses') ?? ''),
  };
}

/** Installed, set up as the plan wants it, and running. */
export const serverStands = (facts: ServerFacts, serving: Serving): boolean =>
  facts.installed && facts.active && facts.config === configText(serving) && facts.unit === unitText(serving);

/** Brings nginx from our repository, which must be set up before. Its own service must not start: port 80 is not ours. */
export const installServer = (
  machine: string,
  { first, mending }: ReturnType<typeof afterCutOff>,
): readonly Command[] => [
  ...first,
  run(machine, aptArgv('update'), { limitMs: 300_000, note: says('serve-content', 'does.update') }),
  run(machine, ['systemctl', 'mask', 'nginx.service'], { note: says('serve-content', 'does.mask') }),
  run(machine, aptInstallArgv(...mending, serverPackage), {
    limitMs: 600_000,
    long: true,
    note: says('serve-content', 'does.install'),
  }),
];

/** Writes what differs and starts the server with it. */
export function startServer(machine: string, facts: ServerFacts, serving: Serving): readonly Command[] {
  const texts = { config: configText(serving), unit: unitText(serving) };
  const notes = { config: says('serve-content', 'does.config'), unit: says('serve-content', 'does.unit') };
  const writes = (['config', 'unit'] as const)
    .filter((part) => facts[part] !== texts[part])
    .map(
      (part): Command => ({
        kind: 'write',
        on: { machine },
        path: contentPaths[part],
        text: texts[part],
        before: facts[part],
        mode: 0o644,
        note: notes[part],
      }),
    );
  return [
    run(machine, ['install', '-d', '-m', '0755', '/etc/fieldkit']),
    ...writes,
    run(machine, ['systemctl', 'daemon-reload']),
    ...(serving.allowed.length === 0 ? [] : [run(machine, ['systemctl', 'enable', serverUnitName])]),
    run(machine, ['systemctl', 'restart', serverUnitName], { note: says('serve-content', 'does.start') }),
  ];
}
