package io.pilus.ipam.pool;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Pool;
import io.pilus.etcd.Versioned;
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

    private final PoolService pools;

    PoolResource(PoolService pools) {
        this.pools = pools;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page) {
        return PageView.of(pools.list(page), Keys.POOLS, pool -> view(pool.value()));
    }

    @GET
    @Path("{pool}")
    public RestResponse<View> get(@RestPath PoolName pool) {
        Versioned<Pool> found = pools.get(pool.value());
        return answer(Status.OK, found.value(), found.modRevision());
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
