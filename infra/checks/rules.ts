import { announcedTwice } from "./announced-twice.ts";
import { anonymousWritesShared } from "./anonymous-writes-shared.ts";
import { clearTextLdap } from "./clear-text-ldap.ts";
import { deadLdapQuery } from "./dead-ldap-query.ts";
import { distributionInPlace } from "./distribution-in-place.ts";
import { equalPriorities } from "./equal-priorities.ts";
import { guestEnabled } from "./guest-enabled.ts";
import { hiddenPolicy } from "./hidden-policy.ts";
import { ldapTagForAll } from "./ldap-tag-for-all.ts";
import { mirroringUnsupported } from "./mirroring-unsupported.ts";
import { monitorWithoutReceiver } from "./monitor-without-receiver.ts";
import { openDistribution } from "./open-distribution.ts";
import { openLoopbackUsers } from "./open-loopback-users.ts";
import { openManagement } from "./open-management.ts";
import { openVrrp } from "./open-vrrp.ts";
import { pauseMinorityOfTwo } from "./pause-minority-of-two.ts";
import { plainManagement } from "./plain-management.ts";
import { plainTextAmqp } from "./plain-text-amqp.ts";
import { policedProductionQueue } from "./policed-production-queue.ts";
import { quorumByDefault } from "./quorum-by-default.ts";
import { quorumOfTwo } from "./quorum-of-two.ts";
import { releaseInPlace } from "./release-in-place.ts";
import type { Rule } from "./rule.ts";
import { senderAcceptsNothing } from "./sender-accepts-nothing.ts";
import { seriesInPlace } from "./series-in-place.ts";
import { seriesNotInRelease } from "./series-not-in-release.ts";
import { seriesWithoutSource } from "./series-without-source.ts";
import { sharedRouterId } from "./shared-router-id.ts";
import { shortDedupWindow } from "./short-dedup-window.ts";
import { unanchoredPermission } from "./unanchored-permission.ts";
import { unanchoredPolicy } from "./unanchored-policy.ts";
import { unpublishedWisTopic } from "./unpublished-wis-topic.ts";
import { unreadableExpression } from "./unreadable-expression.ts";
import { untriedSeries } from "./untried-series.ts";
import { unusableName } from "./unusable-name.ts";
import { unverifiedLdap } from "./unverified-ldap.ts";
import { unwatchedMonitor } from "./unwatched-monitor.ts";
import { virtualIpOutsideSubnet } from "./virtual-ip-outside-subnet.ts";

/** Every rule; one file each. */
export const rules: readonly Rule[] = [
  // Replication and partitions
  pauseMinorityOfTwo,
  quorumOfTwo,
  mirroringUnsupported,
  quorumByDefault,
  seriesInPlace,
  distributionInPlace,
  releaseInPlace,
  seriesNotInRelease,
  seriesWithoutSource,
  untriedSeries,
  // Virtual IPs
  equalPriorities,
  sharedRouterId,
  virtualIpOutsideSubnet,
  openVrrp,
  // Queues and policies
  policedProductionQueue,
  shortDedupWindow,
  hiddenPolicy,
  unanchoredPolicy,
  unusableName,
  // Public data servers
  announcedTwice,
  unpublishedWisTopic,
  senderAcceptsNothing,
  // Monitors
  monitorWithoutReceiver,
  unwatchedMonitor,
  // Permissions
  anonymousWritesShared,
  unanchoredPermission,
  unreadableExpression,
  guestEnabled,
  openLoopbackUsers,
  // LDAP
  deadLdapQuery,
  ldapTagForAll,
  clearTextLdap,
  unverifiedLdap,
  // Ports and protocols open to the network
  plainTextAmqp,
  plainManagement,
  openDistribution,
  openManagement,
];
