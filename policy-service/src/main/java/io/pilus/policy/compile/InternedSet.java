package io.pilus.policy.compile;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.PeerSet;
import io.pilus.policy.rule.PodSelector;
import java.nio.ByteBuffer;
import org.roaringbitmap.RoaringBitmap;

/** A set that some rule names. */
sealed interface InternedSet {

    PeerSet value();

    /** The identities that the selector matches now. */
    record Identities(PodSelector selector, RoaringBitmap members) implements InternedSet {
        @Override
        public PeerSet value() {
            RoaringBitmap compact = members.clone();
            compact.runOptimize();
            ByteBuffer bytes = ByteBuffer.allocate(compact.serializedSizeInBytes());
            compact.serialize(bytes);
            return PeerSet.newBuilder()
                    .setSelector(selector.toString())
                    .setIdentities(ByteString.copyFrom(bytes.flip()))
                    .build();
        }
    }

    record Block(Addresses addresses) implements InternedSet {
        @Override
        public PeerSet value() {
            return PeerSet.newBuilder()
                    .setSelector(CompiledDocument.text(addresses))
                    .setAddresses(addresses)
                    .build();
        }
    }
}
