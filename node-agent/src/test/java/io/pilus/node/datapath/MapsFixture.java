package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;
import io.pilus.libbpf.BpfMap;
import io.pilus.libbpf.BpfObject;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;

/** The datapath's maps in the real kernel, without devices and pins. */
public final class MapsFixture implements AutoCloseable {

    private final BpfObject object;

    /** @param maxEntries of maps that are to be smaller than usual */
    public MapsFixture(Map<String, Integer> maxEntries) throws IOException {
        try (InputStream elf = MapsFixture.class.getResourceAsStream("/pilus/bpf/pilus.bpf.o")) {
            if (elf == null) {
                throw new IllegalStateException("no datapath on the class path: build the module bpf");
            }
            object = BpfObject.open("pilus", elf.readAllBytes());
        }
        maxEntries.forEach(object::maxEntries);
        object.load();
    }

    public BpfMap map(String name) {
        return object.map(name);
    }

    public TypedMap<ByteString, Destination> destinations() {
        return new TypedMap<>(map("destinations_v1"), Destination.KEY, Destination.LAYOUT);
    }

    public TypedMap<Prefix, Range> ranges() {
        return new TypedMap<>(map("ranges_v1"), Range.KEY, Range.LAYOUT);
    }

    public TypedMap<Connection.Key, Connection> connections() {
        return new TypedMap<>(map("ct_current_v1"), Connection.Key.LAYOUT, Connection.LAYOUT);
    }

    @Override
    public void close() {
        object.close();
    }
}
