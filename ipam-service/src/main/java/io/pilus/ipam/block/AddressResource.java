package io.pilus.ipam.block;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.google.protobuf.ByteString;
import io.pilus.contract.Family;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.Prefix;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Versioned;
import io.pilus.rest.ProblemException;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jboss.resteasy.reactive.RestPath;
import org.jspecify.annotations.Nullable;

/** {@code /v1/addresses/{address}}: who has it. */
@Path("/v1/addresses/{address}")
@RunOnVirtualThread
public class AddressResource {

    private static final int PAGE = 1000;

    /** etcd takes 128 reads in one transaction. */
    private static final int READS = 100;

    record EndpointView(String namespace, String name, String uid, long identity) {}

    /**
     * @param block absent when the address is in no block
     * @param node absent when no node has the block
     * @param endpoint absent when no endpoint with the address is published
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record View(
            String address,
            String pool,
            @Nullable String block,
            @Nullable String node,
            @Nullable EndpointView endpoint) {}

    private final EtcdStore store;

    AddressResource(EtcdStore store) {
        this.store = store;
    }

    @GET
    public View get(@RestPath String address) {
        ByteString bytes;
        try {
            bytes = Prefixes.parseAddress(address);
        } catch (IllegalArgumentException e) {
            throw new ProblemException(
                    "invalid-address",
                    BAD_REQUEST,
                    String.valueOf(e.getMessage()) + "; write, for example, 10.0.0.1 or fd00::1");
        }
        for (Versioned<Pool> pool : store.listAll(Keys.POOLS)) {
            for (Prefix range : pool.value().getRangesList()) {
                if (Prefixes.contains(range, bytes)) {
                    return view(bytes, pool.value().getName(), holder(pool.value(), range, bytes));
                }
            }
        }
        throw new ProblemException(
                "unknown-address",
                NOT_FOUND,
                "%s is in no pool; GET /v1/pools lists their ranges".formatted(Prefixes.format(bytes)),
                Map.of("address", Prefixes.format(bytes)));
    }

    private View view(ByteString address, String pool, Optional<BlockOwner> block) {
        String node =
                block.map(BlockOwner::getNode).filter(name -> !name.isEmpty()).orElse(null);
        return new View(
                Prefixes.format(address),
                pool,
                block.map(owner -> Prefixes.format(owner.getBlock())).orElse(null),
                node,
                node == null ? null : endpoint(node, address));
    }

    /** Blocks of one pool may have several lengths, as a pool's can be changed. */
    private Optional<BlockOwner> holder(Pool pool, Prefix range, ByteString address) {
        List<Key<BlockOwner>> candidates = new ArrayList<>();
        for (int length = Family.of(address).bits(); length >= range.getLength(); length--) {
            candidates.add(Keys.clusterBlock(pool.getName(), Prefixes.mask(address, length)));
        }
        for (int from = 0; from < candidates.size(); from += READS) {
            List<Key<BlockOwner>> some = candidates.subList(from, Math.min(from + READS, candidates.size()));
            var read = store.transaction().getting(some).commit();
            for (Key<BlockOwner> key : some) {
                Optional<Versioned<BlockOwner>> found = read.read(key);
                if (found.isPresent()) {
                    return found.map(Versioned::value);
                }
            }
        }
        return Optional.empty();
    }

    private @Nullable EndpointView endpoint(String node, ByteString address) {
        var range = Keys.endpointsOf(node);
        String from = null;
        do {
            Page<Endpoint> page = store.list(range, from, PAGE, 0);
            for (Versioned<Endpoint> found : page.items()) {
                Endpoint endpoint = found.value();
                if (endpoint.getAddressesList().contains(address)) {
                    return new EndpointView(
                            endpoint.getNamespace(),
                            endpoint.getName(),
                            endpoint.getUid(),
                            Integer.toUnsignedLong(endpoint.getIdentity()));
                }
            }
            from = page.next();
        } while (from != null);
        return null;
    }
}
