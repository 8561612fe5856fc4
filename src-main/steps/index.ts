// The runbook, top to bottom: what is done, in order. The engine knows steps only through this list.
import type { Step } from '../runbook/define.ts';
import { archiveSoftware } from './builder/archive-software.ts';
import { compileSoftware } from './builder/compile-software.ts';
import { useNewMaster } from './builder/use-new-master.ts';
import { closeSite } from './close/close-site.ts';
import { compareWithRecord } from './close/compare-with-record.ts';
import { recordSite } from './close/record-site.ts';
import { removeContent } from './close/remove-content.ts';
import { allocateServices, allowFrontend } from './frontend/gates.ts';
import { installFrontend } from './frontend/install-frontend.ts';
import { redirectToFrontend } from './frontend/redirect-to-frontend.ts';
import { setDns } from './frontend/set-dns.ts';
import { connect } from './machine/connect.ts';
import { installSlaposNode } from './machine/install-slapos-node.ts';
import { preflight } from './machine/preflight.ts';
import { serveContent } from './machine/serve-content.ts';
import { setAddresses } from './machine/set-addresses.ts';
import { backUpMaster } from './master/back-up-master.ts';
import { checkCache } from './master/check-cache.ts';
import { configureNewMaster } from './master/configure-new-master.ts';
import { configureProxy } from './master/configure-proxy.ts';
import { firstLogin } from './master/first-login.ts';
import { installMasterSoftware } from './master/install-master-software.ts';
import { reapplyCaFolder } from './master/reapply-ca-folder.ts';
import { redirectToMaster } from './master/redirect-to-master.ts';
import { requestMaster } from './master/request-master.ts';
import { restoreMaster } from './master/restore-master.ts';
import { setCaPath } from './master/set-ca-path.ts';
import { shareCaFolder } from './master/share-ca-folder.ts';
import { useCache } from './master/use-cache.ts';
import { configureClient } from './node/configure-client.ts';
import { createNodeToken } from './node/create-node-token.ts';
import { formatNode } from './node/format-node.ts';
import { refreshMaster } from './node/refresh-master.ts';
import { registerNode } from './node/register-node.ts';
import { takeOutNode } from './node/take-out-node.ts';
import { chooseMedium } from './prepare/choose-medium.ts';
import { describeSite } from './prepare/describe-site.ts';
import { fetchVendorPackages } from './prepare/fetch-vendor-packages.ts';
import { importSoftware } from './prepare/import-software.ts';
import { makeKeys } from './prepare/make-keys.ts';
import { mirrorSoftware } from './prepare/mirror-software.ts';
import { planMedium } from './prepare/plan-medium.ts';
import { proveComplete } from './prepare/prove-complete.ts';
import { sealMedium } from './prepare/seal-medium.ts';
import { solvePackages } from './prepare/solve-packages.ts';
import { writeIndex } from './prepare/write-index.ts';
import { installRe6stNode } from './re6st/install-re6st-node.ts';
import { installRe6stRegistry } from './re6st/install-re6st-registry.ts';
import { joinRe6st } from './re6st/join-re6st.ts';
import { moveToRe6st } from './re6st/move-to-re6st.ts';
import { updateReferences } from './re6st/update-references.ts';
import { compareWithMedium } from './update/compare-with-medium.ts';
import { updatePackages } from './update/update-packages.ts';
import { updateSoftware } from './update/update-software.ts';

export const runbook: readonly Step[] = [
  // at the office, online
  describeSite,
  chooseMedium,
  makeKeys,
  planMedium,
  fetchVendorPackages,
  solvePackages,
  importSoftware,
  mirrorSoftware,
  // on a build machine, once the steps that every machine shares were done there
  compileSoftware,
  useNewMaster,
  archiveSoftware,
  writeIndex,
  proveComplete,
  sealMedium,
  // on site, every machine
  connect,
  preflight,
  setAddresses,
  serveContent,
  installSlaposNode,
  // on site, the master
  configureProxy,
  useCache,
  checkCache,
  installMasterSoftware,
  shareCaFolder,
  restoreMaster,
  requestMaster,
  reapplyCaFolder,
  redirectToMaster,
  firstLogin,
  setCaPath,
  configureNewMaster,
  // on site, each node
  createNodeToken,
  registerNode,
  formatNode,
  refreshMaster,
  configureClient,
  // on site, each node that the plan says is leaving
  takeOutNode,
  // the re6st network: the registry's machine, the master, the nodes
  installRe6stRegistry,
  installRe6stNode,
  joinRe6st,
  moveToRe6st,
  updateReferences,
  // on site, the frontend
  allowFrontend,
  installFrontend,
  setDns,
  redirectToFrontend,
  allocateServices,
  // when the plan no longer wants it
  removeContent,
  // hand over
  backUpMaster,
  recordSite,
  closeSite,
  compareWithRecord,
  // stay current, from a newer generation of the medium
  compareWithMedium,
  updatePackages,
  updateSoftware,
];
