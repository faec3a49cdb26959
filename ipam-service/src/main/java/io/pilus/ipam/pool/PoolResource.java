package io.pilus.ipam.pool;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Pool;
import io.pilus.etcd.Versioned;
import io.pilus.ipam.block.Alarm;
import io.pilus.ipam.block.Alarms;
import io.pilus.ipam.block.BlockIndex.Capacity;
import io.pilus.ipam.block.ByFamily;
import io.pilus.ipam.block.PoolUse;
import io.pilus.ipam.block.PoolUse.NodeShare;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.pilus.rest.PoolName;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response.Status;
import java.util.List;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestResponse;
import org.jspecify.annotations.Nullable;

/** {@code /v1/pools}. */
@Path("/v1/pools")
@RunOnVirtualThread
public class PoolResource {

    /**
     * @param ranges in CIDR form, IPv4 and IPv6
     * @param blockLengthIpv4 prefix length of the IPv4 blocks that nodes get, 26 when absent
     * @param blockLengthIpv6 prefix length of the IPv6 blocks that nodes get, 122 when absent
     */
    record Request(
            @NotEmpty @Size(max = 64) List<@NotNull String> ranges,
            @Nullable Integer blockLengthIpv4,
            @Nullable Integer blockLengthIpv6) {}

    record View(String name, List<String> ranges, int blockLengthIpv4, int blockLengthIpv6) {}

    /**
     * @param capacity blocks of each family, as this replica sees them: a moment behind etcd
     * @param nodes who has how much of it, in pages
     * @param alarms what is wrong with the pool
     */
    record Detail(
            String name,
            List<String> ranges,
            int blockLengthIpv4,
            int blockLengthIpv6,
            ByFamily<Capacity> capacity,
            PageView<NodeShare> nodes,
            List<Alarm> alarms) {}

    private final PoolService pools;
    private final PoolUse use;
    private final Alarms alarms;

    PoolResource(PoolService pools, PoolUse use, Alarms alarms) {
        this.pools = pools;
        this.use = use;
        this.alarms = alarms;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page) {
        return PageView.of(pools.list(page), Keys.POOLS, pool -> view(pool.value()));
    }

    @GET
    @Path("{pool}")
    public RestResponse<Detail> get(@RestPath PoolName pool, @BeanParam PageRequest page) {
        Versioned<Pool> found = pools.get(pool.value());
        View view = view(found.value());
        return RestResponse.ResponseBuilder.ok(new Detail(
                        view.name(),
                        view.ranges(),
                        view.blockLengthIpv4(),
                        view.blockLengthIpv6(),
                        use.capacity(pool.value()),
                        use.nodes(pool.value(), page),
                        alarms.ofPool(pool.value())))
                .header(HttpHeaders.ETAG, ETags.of(found))
                .build();
    }

    @PUT
    @Path("{pool}")
    public RestResponse<View> put(
            @RestPath PoolName pool,
            @RestHeader(HttpHeaders.IF_MATCH) @Nullable String ifMatch,
            @NotNull @Valid Request request) {
        var written = pools.put(
                PoolRules.parse(pool, request.ranges(), request.blockLengthIpv4(), request.blockLengthIpv6()), ifMatch);
        return answer(written.created() ? Status.CREATED : Status.OK, written.pool(), written.modRevision());
    }

    @DELETE
    @Path("{pool}")
    public void delete(@RestPath PoolName pool, @RestHeader(HttpHeaders.IF_MATCH) @Nullable String ifMatch) {
        pools.delete(pool.value(), ifMatch);
    }

    private static RestResponse<View> answer(Status status, Pool pool, long modRevision) {
        return RestResponse.ResponseBuilder.create(status, view(pool))
                .header(HttpHeaders.ETAG, ETags.of(modRevision))
                .build();
    }

    private static View view(Pool pool) {
        return new View(
                pool.getName(),
                pool.getRangesList().stream().map(Prefixes::format).toList(),
                pool.getBlockLengthIpv4(),
                pool.getBlockLengthIpv6());
    }
}
