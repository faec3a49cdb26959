package io.pilus.node.flow;

import com.google.protobuf.ByteString;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Endpoints that a test says are there. */
final class FixedEndpoints implements Endpoints {

    private final List<Attachment> all = new ArrayList<>();

    void add(int number, ByteString... addresses) {
        all.add(new Attachment(
                "uid-" + number,
                "shop",
                "pod-" + number,
                "c" + number,
                "/run/netns/c" + number,
                "eth0",
                "pl" + number,
                1000 + number,
                number,
                List.of(addresses),
                "default",
                300,
                1,
                1450));
    }

    void remove(int number) {
        all.removeIf(attachment -> attachment.number() == number);
    }

    @Override
    public List<Attachment> all() {
        return List.copyOf(all);
    }

    @Override
    public Optional<Attachment> byNumber(int number) {
        return all.stream().filter(attachment -> attachment.number() == number).findAny();
    }

    @Override
    public void changeIdentity(String containerId, int identity, int slot) {
        throw new UnsupportedOperationException("these stay as they are");
    }
}
