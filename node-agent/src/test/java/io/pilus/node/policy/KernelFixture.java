package io.pilus.node.policy;

import io.pilus.contract.Prefixes;
import io.pilus.libbpf.BpfMap;
import io.pilus.model.Cell;
import io.pilus.model.CellKey;
import io.pilus.model.Direction;
import io.pilus.model.Half;
import io.pilus.model.PortKey;
import io.pilus.model.reference.Packet;
import io.pilus.node.datapath.MapsFixture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Optional;

/** The datapath's maps in the real kernel, and what its programs would read in them. */
final class KernelFixture implements AutoCloseable {

    private final MapsFixture object;

    /** @param maxEntries of maps that are to be smaller than usual */
    KernelFixture(Map<String, Integer> maxEntries) {
        try {
            object = new MapsFixture(maxEntries);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    PolicyMaps maps() {
        return new PolicyMaps(
                map("slots_v1"),
                map("tables_v1"),
                map("peer_classes_v1"),
                map("address_classes_v1"),
                map("port_classes_v1"),
                map("cells_v1"));
    }

    long slot(int slot) {
        return maps().slot(slot);
    }

    int entries(String map) {
        return map(map).keys().size();
    }

    /** The cell by which the subject with this slot judges the packet: the steps of policy_judge(). */
    long judge(int slot, Packet packet) {
        int table = (int) slot(slot);
        Optional<byte[]> header = map("tables_v1").lookup(Layout.u32(table));
        if (table == 0 || header.isEmpty()) {
            return Cell.NONE;
        }
        ByteBuffer fields = ByteBuffer.wrap(header.get()).order(ByteOrder.nativeOrder());
        int portClass = portClass(table, fields.getInt(4), packet);
        long cell = cell(table, Half.PEER, packet.direction(), peerClass(table, packet.identity()), portClass);
        if ((fields.getInt(0) & 1) != 0) {
            byte[] key = Layout.addressKey(table, Prefixes.single(packet.address()));
            int addressClass =
                    map("address_classes_v1").lookup(key).map(Layout::readU32).orElse(0);
            Half half = packet.managed() ? Half.MANAGED : Half.UNMANAGED;
            long other = cell(table, half, packet.direction(), addressClass, portClass);
            if (isBetter(other, cell)) {
                cell = other;
            }
        }
        if (cell == Cell.NONE) {
            cell = fields.getLong(packet.direction() == Direction.INGRESS ? 8 : 16);
        }
        return cell;
    }

    BpfMap map(String name) {
        return object.map(name);
    }

    @Override
    public void close() {
        object.close();
    }

    private static boolean isBetter(long cell, long than) {
        if (cell == Cell.NONE || than == Cell.NONE) {
            return than == Cell.NONE && cell != Cell.NONE;
        }
        return Cell.rank(cell) < Cell.rank(than)
                || (Cell.rank(cell) == Cell.rank(than) && !Cell.allows(cell) && Cell.allows(than));
    }

    private int peerClass(int table, int identity) {
        BpfMap peers = map("peer_classes_v1");
        return peers.lookup(Layout.peerKey(table, identity))
                .or(() -> peers.lookup(Layout.peerKey(0, identity)))
                .map(Layout::readU32)
                .orElse(0);
    }

    private int portClass(int table, int lengths, Packet packet) {
        for (int length = 16; length >= 0; length--) {
            if ((lengths & 1 << length) != 0) {
                int protocol = PortKey.protocol(packet.protocol());
                int prefix = packet.port() & (0xffff << (16 - length)) & 0xffff;
                Optional<byte[]> found =
                        map("port_classes_v1").lookup(Layout.portKey(table, new PortKey(protocol, prefix, length)));
                if (found.isPresent()) {
                    return Layout.readU32(found.get());
                }
            }
        }
        return 0;
    }

    private long cell(int table, Half half, Direction direction, int peer, int port) {
        return map("cells_v1")
                .lookup(Layout.cellKey(table, new CellKey(half, direction, peer, port)))
                .map(Layout::readU64)
                .orElse(Cell.NONE);
    }
}
