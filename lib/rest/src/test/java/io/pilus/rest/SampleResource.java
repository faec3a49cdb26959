package io.pilus.rest;

import io.pilus.contract.Keys;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Versioned;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.HttpHeaders;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

/** One method for each way to go wrong. */
@Path("/sample")
@RunOnVirtualThread
public class SampleResource {

    enum Colour {
        RED,
        GREEN
    }

    record Part(@NotEmpty String name, @Max(65535) int port) {}

    record Request(
            @Nullable NamespaceName namespace,
            @Nullable Colour colour,
            @Nullable Map<@LabelKey String, @LabelValue String> labels,
            @Nullable List<@NotNull @Valid Part> parts) {}

    @POST
    public Request echo(@NotNull @Valid Request request) {
        return request;
    }

    /** Answers after longer than any limit of a request that is still arriving. */
    @POST
    @Path("patient")
    public Request patient(@NotNull @Valid Request request) throws InterruptedException {
        Thread.sleep(Duration.ofSeconds(8));
        return request;
    }

    @GET
    @Path("names/{namespace}")
    public String name(@RestPath NamespaceName namespace) {
        return namespace.value();
    }

    @GET
    @Path("limited")
    public String limited(@RestQuery @Max(9) int most) {
        return Integer.toString(most);
    }

    @GET
    @Path("pages")
    public Map<String, String> page(@BeanParam PageRequest page) {
        return Map.of(
                "limit",
                Integer.toString(page.limit()),
                "key",
                String.valueOf(page.firstKey(Keys.NAMESPACES)).replace('\0', '+'));
    }

    @PUT
    @Path("tagged")
    public String tagged(@RestHeader(HttpHeaders.IF_MATCH) @Nullable String ifMatch) {
        ETags.check(ifMatch, Optional.of(new Versioned<>("key", "value", 42, 7)), "sample 'tagged'");
        return "written";
    }

    @PUT
    @Path("silent")
    public void silent() {
        throw new EtcdUnavailableException("etcd did not answer within 5 ms: transaction", new TimeoutException());
    }

    @GET
    @Path("unavailable")
    public void unavailable() {
        throw new EtcdUnavailableException("etcd cannot serve: get: no leader", new IllegalStateException("no leader"));
    }

    @PUT
    @Path("rejected")
    public void rejected() {
        throw new EtcdRefusedException("etcd refused: transaction: permission denied", new IllegalStateException());
    }

    @GET
    @Path("broken")
    public void broken() {
        throw new IllegalStateException("a secret of the inside");
    }
}
