package io.pilus.model;

import io.pilus.contract.v1.Addresses;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.ImmutableBitmapDataProvider;

/** The peer sets as they are known here and now. */
public interface PeerView {

    /** The identities that are known here and that the set holds; null when there is no such set of identities. */
    @Nullable
    ImmutableBitmapDataProvider identities(String setId);

    /** The addresses that the set holds; null when there is no such set of addresses. */
    @Nullable
    Addresses addresses(String setId);
}
