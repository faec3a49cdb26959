package io.pilus.model;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.roaringbitmap.IntConsumer;

/**
 * What the datapath reads for one list of policies: classes of peers, addresses and ports, and a cell for each pair of
 * classes of which a rule says something. All precedence is resolved.
 *
 * <p>Identities may come, go and change their sets while the table is in force ({@link #introduce}, {@link #reclassify},
 * {@link #forget}); each answers with the writes that bring the datapath's copy to the same state. Not for several threads.
 */
public final class VerdictTable {

    private static final int[] RESERVED = {
        Identities.HOST,
        Identities.WORLD,
        Identities.UNMANAGED,
        Identities.HEALTH,
        Identities.INIT,
        Identities.REMOTE_NODE,
        Identities.KUBE_APISERVER,
        Identities.INGRESS
    };

    private final boolean addressHalf;
    private final int portLengths;
    private final long defaultIngress;
    private final long defaultEgress;
    private final Map<Integer, Integer> peerClasses = new HashMap<>();
    private final Map<Prefix, Integer> addressClasses;
    private final Map<PortKey, Integer> portClasses;
    private final Map<CellKey, Long> cells = new LinkedHashMap<>();

    private final RankedRules rules;
    private final PortClasses ports;
    private final PeerClasses peers;

    VerdictTable(RankedRules rules, PortClasses ports, AddressClasses addresses, PeerClasses peers) {
        this.rules = rules;
        this.ports = ports;
        this.peers = peers;
        this.addressHalf = !addresses.isEmpty();
        this.addressClasses = addresses.prefixes();
        this.portClasses = ports.prefixes();
        this.portLengths =
                portClasses.keySet().stream().mapToInt(key -> 1 << key.length()).reduce(0, (all, one) -> all | one);
        this.defaultIngress = rules.defaultCell(Direction.INGRESS);
        this.defaultEgress = rules.defaultCell(Direction.EGRESS);
    }

    /** Whether the halves for addresses must be asked. */
    public boolean hasAddressHalf() {
        return addressHalf;
    }

    /** Bit n: some port class is a prefix of n bits. */
    public int portLengths() {
        return portLengths;
    }

    /** The cell where none is found. */
    public long defaultIngress() {
        return defaultIngress;
    }

    /** The cell where none is found. */
    public long defaultEgress() {
        return defaultEgress;
    }

    /** Identity to class: the reserved identities, and those that some rule tells apart. */
    public Map<Integer, Integer> peerClasses() {
        return Collections.unmodifiableMap(peerClasses);
    }

    /** By longest prefix, IPv4 being ::ffff:0:0/96; no entry is class 0. */
    public Map<Prefix, Integer> addressClasses() {
        return Collections.unmodifiableMap(addressClasses);
    }

    /** By longest prefix; no entry is class 0. */
    public Map<PortKey, Integer> portClasses() {
        return Collections.unmodifiableMap(portClasses);
    }

    public Map<CellKey, Long> cells() {
        return Collections.unmodifiableMap(cells);
    }

    /** The sets of identities that the rules name: a change of another set does not touch this table. */
    public Set<String> sets() {
        return Collections.unmodifiableSet(peers.sets());
    }

    /** The rules by their numbers, default denials included. */
    public Map<Integer, RuleRef> rules() {
        return rules.byNumber();
    }

    /**
     * The cell that decides, by the same steps as the datapath.
     *
     * @param peerKnown whether the node knows the identity
     * @param peerAddress 4 or 16 bytes
     * @param managed whether the address is a pod's or a node's
     * @param protocol the IP protocol
     * @param port the destination port; for ICMP type &lt;&lt; 8 | code
     */
    public long verdict(
            Direction direction,
            int peerIdentity,
            boolean peerKnown,
            ByteString peerAddress,
            boolean managed,
            int protocol,
            int port) {
        int peerClass =
                peerClasses.getOrDefault(peerIdentity, peerKnown ? PeerClasses.CLUSTER : PeerClasses.UNRESOLVED);
        int portClass = portClass(PortKey.protocol(protocol), port);
        long found = cell(Half.PEER, direction, peerClass, portClass);
        if (addressHalf) {
            Half half = managed ? Half.MANAGED : Half.UNMANAGED;
            found = Cell.decisive(found, cell(half, direction, addressClass(peerAddress), portClass));
        }
        return found == Cell.NONE ? defaultCell(direction) : found;
    }

    /**
     * An identity that the node did not know until now. Make the changes before the node counts it as known.
     *
     * @return empty when no class is left for it; the table must then be compiled anew
     */
    public Optional<TableDelta> introduce(int identity, Collection<String> setIds) {
        return classify(identity, setIds, PeerClasses.UNRESOLVED);
    }

    /**
     * A known identity that is now in other sets.
     *
     * @return empty when no class is left for it; the table must then be compiled anew
     */
    public Optional<TableDelta> reclassify(int identity, Collection<String> setIds) {
        return classify(identity, setIds, PeerClasses.CLUSTER);
    }

    /** An identity that is gone. Make the changes after the node stopped to count it as known. */
    public TableDelta forget(int identity) {
        if (Identities.isReserved(identity)) {
            return TableDelta.NOTHING;
        }
        Integer before = peerClasses.remove(identity);
        boolean takesAway = takesAway(before == null ? PeerClasses.CLUSTER : before, PeerClasses.UNRESOLVED);
        return new TableDelta(before == null ? List.of() : List.of(new MapChange.RemovePeerClass(identity)), takesAway);
    }

    private Optional<TableDelta> classify(int identity, Collection<String> setIds, int classWithoutEntry) {
        if (identity == Identities.HOST) {
            return Optional.of(TableDelta.NOTHING);
        }
        BitSet signature = peers.signature(setIds);
        List<MapChange> changes = new ArrayList<>();
        Integer to = peers.classOf(signature);
        if (to == null) {
            try {
                to = peers.add(signature);
            } catch (TooManyException e) {
                return Optional.empty();
            }
            addCells(to, signature).forEach((key, cell) -> changes.add(new MapChange.PutCell(key, cell)));
        }
        int from = peerClasses.getOrDefault(identity, classWithoutEntry);
        if (to == PeerClasses.CLUSTER && !Identities.isReserved(identity)) {
            if (peerClasses.remove(identity) != null) {
                changes.add(new MapChange.RemovePeerClass(identity));
            }
        } else if (!to.equals(peerClasses.put(identity, to))) {
            changes.add(new MapChange.PutPeerClass(identity, to));
        }
        return Optional.of(new TableDelta(changes, takesAway(from, to)));
    }

    /** Fills the table for the identities that are known now. */
    void fill(PeerView view, AddressClasses addresses) {
        addCells(PeerClasses.UNRESOLVED, rules.ofUnresolved());
        addCells(PeerClasses.CLUSTER, List.of());
        for (Direction direction : Direction.values()) {
            for (int port = 0; port < ports.count(); port++) {
                cells.put(new CellKey(Half.PEER, direction, PeerClasses.HOST, port), RankedRules.NODE_CELL);
            }
        }
        Map<Integer, BitSet> signatures = new HashMap<>();
        for (String setId : peers.sets()) {
            var members = view.identities(setId);
            BitSet groups = peers.signature(List.of(setId));
            if (members != null) {
                members.forEach((IntConsumer) identity ->
                        signatures.computeIfAbsent(identity, _ -> new BitSet()).or(groups));
            }
        }
        for (int reserved : RESERVED) {
            peerClasses.put(reserved, PeerClasses.CLUSTER);
        }
        signatures.forEach((identity, signature) -> {
            Integer known = peers.classOf(signature);
            int peerClass;
            if (known == null) {
                peerClass = peers.add(signature);
                addCells(peerClass, signature);
            } else {
                peerClass = known;
            }
            peerClasses.put(identity, peerClass);
        });
        peerClasses.put(Identities.HOST, PeerClasses.HOST);
        fillAddresses(addresses);
    }

    private void fillAddresses(AddressClasses addresses) {
        Map<CellKey, Integer> best = new HashMap<>();
        for (PolicyRule rule : rules.all()) {
            int place = rule.place();
            int[] managed = addresses.of(rule.managedBlocks());
            int[] unmanagedOnly = addresses.of(rule.unmanagedBlocks());
            for (int port : ports.of(rule)) {
                for (int address : managed) {
                    best.merge(new CellKey(Half.MANAGED, rule.direction(), address, port), place, Math::min);
                    best.merge(new CellKey(Half.UNMANAGED, rule.direction(), address, port), place, Math::min);
                }
                for (int address : unmanagedOnly) {
                    best.merge(new CellKey(Half.UNMANAGED, rule.direction(), address, port), place, Math::min);
                }
            }
        }
        best.forEach((key, place) -> cells.put(key, rules.cell(place)));
    }

    private Map<CellKey, Long> addCells(int peerClass, BitSet signature) {
        return addCells(peerClass, peers.rules(signature));
    }

    /** The cells of a class that these rules, and those for every peer, match. */
    private Map<CellKey, Long> addCells(int peerClass, List<PolicyRule> matching) {
        Map<CellKey, Long> added = new LinkedHashMap<>();
        for (Direction direction : Direction.values()) {
            int[] best = new int[ports.count()];
            Arrays.fill(best, Integer.MAX_VALUE);
            improve(best, rules.ofEveryPeer(), direction);
            improve(best, matching, direction);
            for (int port = 0; port < best.length; port++) {
                if (best[port] != Integer.MAX_VALUE) {
                    added.put(new CellKey(Half.PEER, direction, peerClass, port), rules.cell(best[port]));
                }
            }
        }
        cells.putAll(added);
        return added;
    }

    private void improve(int[] best, List<PolicyRule> matching, Direction direction) {
        for (PolicyRule rule : matching) {
            if (rule.direction() == direction) {
                int place = rule.place();
                for (int port : ports.of(rule)) {
                    best[port] = Math.min(best[port], place);
                }
            }
        }
    }

    private long cell(Half half, Direction direction, int peer, int port) {
        return cells.getOrDefault(new CellKey(half, direction, peer, port), Cell.NONE);
    }

    private long defaultCell(Direction direction) {
        return switch (direction) {
            case INGRESS -> defaultIngress;
            case EGRESS -> defaultEgress;
        };
    }

    private int portClass(int protocol, int port) {
        for (int length = 16; length >= 0; length--) {
            if ((portLengths & 1 << length) != 0) {
                Integer found = portClasses.get(PortKey.holding(protocol, port, length));
                if (found != null) {
                    return found;
                }
            }
        }
        return 0;
    }

    private int addressClass(ByteString address) {
        ByteString mapped = ByteString.copyFrom(Prefixes.mapped(address));
        for (int length = 128; length >= 0; length--) {
            Prefix wanted = address.size() == 4 && length >= 96
                    ? Prefixes.mask(address, length - 96)
                    : Prefixes.mask(mapped, length);
            Integer found = addressClasses.get(wanted);
            if (found != null) {
                return found;
            }
        }
        return 0;
    }

    private boolean takesAway(int from, int to) {
        if (from == to) {
            return false;
        }
        for (Direction direction : Direction.values()) {
            for (int port = 0; port < ports.count(); port++) {
                long before = cellOrDefault(direction, from, port);
                long after = cellOrDefault(direction, to, port);
                if (Cell.allows(before) && !Cell.allows(after)) {
                    return true;
                }
                // an address rule may lie between the two ranks
                if (addressHalf
                        && Cell.allows(before) == Cell.allows(after)
                        && (Cell.allows(before)
                                ? Cell.rank(after) > Cell.rank(before)
                                : Cell.rank(after) < Cell.rank(before))) {
                    return true;
                }
            }
        }
        return false;
    }

    private long cellOrDefault(Direction direction, int peerClass, int port) {
        long found = cell(Half.PEER, direction, peerClass, port);
        return found == Cell.NONE ? defaultCell(direction) : found;
    }
}
