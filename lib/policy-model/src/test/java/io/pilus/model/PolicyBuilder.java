package io.pilus.model;

import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import java.util.List;

/** Compiled policies in few words. */
final class PolicyBuilder {

    private PolicyBuilder() {}

    static AppliedPolicy isolating(String name, Rule... rules) {
        return new AppliedPolicy(
                name,
                CompiledPolicy.newBuilder()
                        .setKind("NetworkPolicy")
                        .setNamespace("shop")
                        .setName(name)
                        .setTier(Tier.TIER_NAMESPACE)
                        .setIsolatesIngress(true)
                        .addAllRules(List.of(rules))
                        .build());
    }

    static AppliedPolicy admin(String name, int priority, Rule... rules) {
        return new AppliedPolicy(
                name,
                isolating(name, rules).policy().toBuilder()
                        .setTier(Tier.TIER_ADMIN)
                        .setPriority(priority)
                        .setIsolatesIngress(false)
                        .build());
    }

    static Rule allow(String path, List<String> sets, PortRange... ports) {
        return rule(path, Action.ACTION_ALLOW, sets, ports);
    }

    static Rule deny(String path, List<String> sets, PortRange... ports) {
        return rule(path, Action.ACTION_DENY, sets, ports);
    }

    static Rule allowEverybody(String path, PortRange... ports) {
        return allow(path, List.of(), ports).toBuilder().setAnyPeer(true).build();
    }

    static PortRange tcp(int first, int last) {
        return PortRange.newBuilder()
                .setProtocol(Protocol.PROTOCOL_TCP)
                .setFirst(first)
                .setLast(last)
                .build();
    }

    static PortRange tcp(int port) {
        return tcp(port, port);
    }

    static PeerSet block(String cidr, String... except) {
        var addresses = Addresses.newBuilder().setCidr(Prefixes.parse(cidr));
        for (String hole : except) {
            addresses.addExcept(Prefixes.parse(hole));
        }
        return PeerSet.newBuilder().setAddresses(addresses).build();
    }

    private static Rule rule(String path, Action action, List<String> sets, PortRange... ports) {
        return Rule.newBuilder()
                .setPath(path)
                .setDirection(Direction.DIRECTION_INGRESS)
                .setAction(action)
                .addAllPeerSets(sets)
                .addAllPorts(List.of(ports))
                .build();
    }
}
