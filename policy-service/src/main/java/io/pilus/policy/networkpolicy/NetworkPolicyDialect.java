package io.pilus.policy.networkpolicy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Tier;
import io.pilus.policy.rule.Dialect;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.Field;
import io.pilus.policy.rule.Findings;
import io.pilus.policy.rule.LabelSelector;
import io.pilus.policy.rule.PodSelector;
import io.pilus.policy.rule.Policy;
import io.pilus.policy.rule.PolicyRule;
import io.pilus.policy.rule.Port;
import io.pilus.policy.rule.Selectors;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads {@code networking.k8s.io/v1} NetworkPolicy, all of it. */
@ApplicationScoped
public class NetworkPolicyDialect implements Dialect {

    /** IANA's form of a service name. */
    private static final Pattern PORT_NAME = Pattern.compile("(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?");

    @Override
    public String kind() {
        return "NetworkPolicy";
    }

    @Override
    public String apiVersion() {
        return "networking.k8s.io/v1";
    }

    @Override
    public boolean namespaced() {
        return true;
    }

    @Override
    public Policy read(DocumentName name, ObjectNode document, Findings findings) {
        Field spec = Field.root(document, findings).get("spec");
        if (spec.isAbsent()) {
            spec.error("is missing; 'podSelector: {}' selects all pods of the namespace");
        }
        spec.allow("podSelector", "policyTypes", "ingress", "egress");
        Set<Direction> isolates = policyTypes(spec);
        List<PolicyRule> rules = new ArrayList<>();
        rules.addAll(rules(name.namespace(), spec.get("ingress"), Direction.DIRECTION_INGRESS, isolates));
        rules.addAll(rules(name.namespace(), spec.get("egress"), Direction.DIRECTION_EGRESS, isolates));
        return new Policy(
                name,
                Tier.TIER_NAMESPACE,
                0,
                PodSelector.in(name.namespace(), Selectors.read(spec.get("podSelector"))),
                isolates,
                rules);
    }

    private static Set<Direction> policyTypes(Field spec) {
        Set<Direction> types = EnumSet.noneOf(Direction.class);
        List<Field> given = spec.get("policyTypes").items();
        for (Field type : given) {
            switch (type.text()) {
                case "Ingress" -> types.add(Direction.DIRECTION_INGRESS);
                case "Egress" -> types.add(Direction.DIRECTION_EGRESS);
                case String other -> type.error("'" + other + "' is neither Ingress nor Egress");
            }
        }
        if (given.isEmpty()) {
            types.add(Direction.DIRECTION_INGRESS);
            if (!spec.get("egress").items().isEmpty()) {
                types.add(Direction.DIRECTION_EGRESS);
            }
        }
        return types;
    }

    private static List<PolicyRule> rules(String namespace, Field list, Direction direction, Set<Direction> isolates) {
        boolean ingress = direction == Direction.DIRECTION_INGRESS;
        List<PolicyRule> rules = new ArrayList<>();
        for (Field rule : list.items()) {
            String path = (ingress ? "ingress[" : "egress[") + rules.size() + "]";
            rules.add(rule(namespace, rule, direction, path, ingress ? "from" : "to"));
        }
        if (!isolates.contains(direction)) {
            if (!rules.isEmpty()) {
                list.warning("has no effect: policyTypes does not name " + (ingress ? "Ingress" : "Egress"));
            }
            return List.of();
        }
        return rules;
    }

    private static PolicyRule rule(String namespace, Field rule, Direction direction, String path, String peersField) {
        if (rule.isAbsent()) {
            rule.error("must be an object; {} allows everything");
        }
        rule.allow(peersField, "ports");
        List<PodSelector> selectors = new ArrayList<>();
        List<Addresses> blocks = new ArrayList<>();
        List<Field> peers = rule.get(peersField).items();
        for (Field peer : peers) {
            peer.allow("podSelector", "namespaceSelector", "ipBlock");
            Field pods = peer.get("podSelector");
            Field namespaces = peer.get("namespaceSelector");
            Field block = peer.get("ipBlock");
            if (!block.isAbsent()) {
                if (!pods.isAbsent() || !namespaces.isAbsent()) {
                    peer.error("ipBlock stands alone; write the selectors as another item of the list");
                }
                addresses(block).ifPresent(blocks::add);
            } else if (!namespaces.isAbsent()) {
                selectors.add(new PodSelector(Selectors.read(namespaces), optional(pods)));
            } else if (!pods.isAbsent()) {
                selectors.add(PodSelector.in(namespace, Selectors.read(pods)));
            } else {
                peer.error("names no peer; write podSelector, namespaceSelector or ipBlock ({} as a selector is all)");
            }
        }
        List<Port> ports = new ArrayList<>();
        for (Field port : rule.get("ports").items()) {
            Port read = port(port);
            if (read instanceof Port.Named && direction == Direction.DIRECTION_EGRESS && !blocks.isEmpty()) {
                port.get("port").warning("opens nothing towards ipBlock: only pods have names for their ports");
            }
            ports.add(read);
        }
        return new PolicyRule(path, direction, Action.ACTION_ALLOW, peers.isEmpty(), selectors, blocks, ports);
    }

    private static LabelSelector optional(Field selector) {
        return selector.isAbsent() ? LabelSelector.EVERYTHING : Selectors.read(selector);
    }

    private static Optional<Addresses> addresses(Field block) {
        block.allow("cidr", "except");
        Field field = block.get("cidr");
        String text = field.required();
        @Nullable Prefix cidr = text.isEmpty() ? null : prefix(field, text);
        var addresses = Addresses.newBuilder();
        for (Field item : block.get("except").items()) {
            Prefix except = prefix(item, item.required());
            if (except != null && cidr != null) {
                if (!Prefixes.contains(cidr, except) || except.getLength() == cidr.getLength()) {
                    item.error(Prefixes.format(except) + " is not a part of " + Prefixes.format(cidr));
                }
                addresses.addExcept(except);
            }
        }
        return cidr == null
                ? Optional.empty()
                : Optional.of(addresses.setCidr(cidr).build());
    }

    private static @Nullable Prefix prefix(Field field, String text) {
        try {
            return Prefixes.parse(text);
        } catch (IllegalArgumentException e) {
            field.error(String.valueOf(e.getMessage()));
            return null;
        }
    }

    private static Port port(Field field) {
        if (field.isAbsent()) {
            field.error("must be an object; leave ports out to allow all");
        }
        field.allow("protocol", "port", "endPort");
        Protocol protocol = protocol(field.get("protocol"));
        Field port = field.get("port");
        Field endPort = field.get("endPort");
        if (port.isAbsent()) {
            if (!endPort.isAbsent()) {
                endPort.error("needs 'port', the first port of the range");
            }
            return Port.Numbered.of(protocol, 0, 0xffff);
        }
        if (port.isNumber()) {
            int first = port.number(1, 0xffff);
            int last = endPort.isAbsent() ? first : endPort.number(1, 0xffff);
            if (last < first) {
                endPort.error(last + " is below port " + first);
            }
            return Port.Numbered.of(protocol, first, last);
        }
        String name = port.text();
        if (!PORT_NAME.matcher(name).matches()) {
            port.error("'" + name + "' is no port name; write at most 15 of a-z, 0-9 and single '-', one letter among"
                    + " them, or a number without quotes");
        }
        if (!endPort.isAbsent()) {
            endPort.error("needs a number as 'port': a name has no range");
        }
        return new Port.Named(name, protocol);
    }

    private static Protocol protocol(Field field) {
        if (field.isAbsent()) {
            return Protocol.PROTOCOL_TCP;
        }
        return switch (field.text()) {
            case "TCP" -> Protocol.PROTOCOL_TCP;
            case "UDP" -> Protocol.PROTOCOL_UDP;
            case "SCTP" -> Protocol.PROTOCOL_SCTP;
            case String other -> {
                field.error("'" + other + "' is none of TCP, UDP, SCTP");
                yield Protocol.PROTOCOL_TCP;
            }
        };
    }
}
