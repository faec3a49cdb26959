package io.pilus.identity.endpoint;

import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Endpoint;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.rest.NodeName;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import java.util.List;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

/** {@code /v1/endpoints}: what is attached, as all nodes know it. */
@Path("/v1/endpoints")
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class EndpointResource {

    record View(String uid, String namespace, String name, String node, int identity, List<String> addresses) {
        static View of(Versioned<Endpoint> stored) {
            Endpoint endpoint = stored.value();
            return new View(
                    endpoint.getUid(),
                    endpoint.getNamespace(),
                    endpoint.getName(),
                    endpoint.getNode(),
                    endpoint.getIdentity(),
                    endpoint.getAddressesList().stream().map(Prefixes::format).toList());
        }
    }

    private final EtcdStore store;

    EndpointResource(EtcdStore store) {
        this.store = store;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page, @RestQuery @Nullable NodeName node) {
        KeyRange<Endpoint> range = node == null ? Keys.ENDPOINTS : Keys.endpointsOf(node.value());
        return PageView.of(store.list(range, page.firstKey(range), page.limit(), 0), range, View::of);
    }
}
