package io.pilus.node.policy;

import io.pilus.libbpf.BpfMap;
import java.util.List;

/** The real maps, of an agent that can be killed at any of its writes: that one and all after it are not made. */
final class DyingMaps extends PolicyMaps {

    private int left = Integer.MAX_VALUE;

    DyingMaps(KernelFixture kernel) {
        super(
                kernel.map("slots_v1"),
                kernel.map("tables_v1"),
                kernel.map("peer_classes_v1"),
                kernel.map("address_classes_v1"),
                kernel.map("port_classes_v1"),
                kernel.map("cells_v1"));
    }

    /** The end of the agent, which nothing in it can catch. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1;

        Killed() {
            super("killed", null, false, false);
        }
    }

    /** From here on it makes so many writes. */
    void dieAfter(int writes) {
        left = writes;
    }

    @Override
    void update(BpfMap map, byte[] key, byte[] value) {
        live();
        super.update(map, key, value);
    }

    @Override
    void updateAll(BpfMap map, List<BpfMap.Entry> entries) {
        entries.forEach(entry -> update(map, entry.key(), entry.value()));
    }

    @Override
    void delete(BpfMap map, byte[] key) {
        live();
        super.delete(map, key);
    }

    private void live() {
        if (left == 0) {
            throw new Killed();
        }
        left--;
    }
}
