package io.pilus.node.flow;

import com.google.protobuf.ByteString;
import io.pilus.node.route.AddressBook;
import io.pilus.node.route.Holder;
import jakarta.inject.Singleton;
import java.util.Optional;

/** Who holds an address, for people. */
@Singleton
final class Names {

    private final AddressBook book;

    Names(AddressBook book) {
        this.book = book;
    }

    /** {@code namespace/name} of a workload, or {@code node NAME}. */
    Optional<String> of(ByteString address) {
        return book.holder(address).map(holder -> switch (holder) {
            case Holder.Workload workload -> workload.namespace() + "/" + workload.name();
            case Holder.Node node -> "node " + node.node();
        });
    }
}
