/** What a lab test may use. The rest of this folder is the harness's own affair. */
export { type ArchiveSource, archiveSource, archiveSources, debianKeyring, debianMirror } from './archive.ts';
export {
  bootBareNode,
  type Checkpoint,
  checkpointAnswers,
  checkpointIpv6,
  clientUser,
  nodeIpv6,
  restore,
  restoreLaptop,
  restoreMachine,
  restoreWithNode,
} from './checkpoints.ts';
export { cacheFolder, labUnavailable, longLabUnavailable } from './host.ts';
export { Lab, type MachineSpec } from './lab.ts';
export { LabMachine, type Login } from './machine.ts';
export { Panel } from './panel.ts';
export { frontendRelease, masterRelease, masterReleaseUrl, type SoftwareRelease } from './release.ts';
export { slapOsNodePackage, slapOsNodeVersion } from './slapos-node.ts';
export { diffSnapshots, lastingChanges, type Snapshot, takeSnapshot } from './snapshot.ts';
export { startVendorRepository, type VendorFault, type VendorRepository } from './vendor.ts';
