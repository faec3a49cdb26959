package io.pilus.identity.identity;

import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.workload.PortView;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jboss.resteasy.reactive.RestPath;
import org.jspecify.annotations.Nullable;

/** {@code /v1/identities}: numbers, and the label sets that they stand for. */
@Path("/v1/identities")
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class IdentityResource {

    /** How many users one identity is shown with. */
    private static final int SHOWN_USERS = 100;

    /**
     * An identity as clients see it.
     *
     * @param userCount workloads that are assigned or attached with it, as this replica has seen
     * @param users the first of them; only for a single identity
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record View(
            int id,
            String state,
            String namespace,
            @Nullable String serviceAccount,
            Map<String, String> labels,
            List<PortView> ports,
            int userCount,
            @Nullable List<UserView> users) {}

    /** A workload that has the identity. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record UserView(
            String uid,
            String node,
            @Nullable String namespace,
            @Nullable String name,
            boolean attached) {
        static UserView of(ClusterView.User user) {
            return new UserView(user.spot().uid(), user.spot().node(), user.namespace(), user.name(), user.attached());
        }
    }

    private final EtcdStore store;
    private final ClusterView cluster;

    IdentityResource(EtcdStore store, ClusterView cluster) {
        this.store = store;
        this.cluster = cluster;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page) {
        return PageView.of(
                store.list(Keys.IDENTITIES, page.firstKey(Keys.IDENTITIES), page.limit(), 0),
                Keys.IDENTITIES,
                found -> view(found.value(), null));
    }

    @GET
    @Path("{id}")
    public View get(@RestPath String id) {
        Identity identity = parse(id)
                .flatMap(number -> store.get(Keys.identity(number)))
                .orElseThrow(() -> IdentityProblem.unknownIdentity(id))
                .value();
        return view(
                identity,
                cluster.users(identity.getId()).stream()
                        .limit(SHOWN_USERS)
                        .map(UserView::of)
                        .toList());
    }

    private View view(Identity identity, @Nullable List<UserView> users) {
        LabelSet set = identity.getLabelSet();
        return new View(
                identity.getId(),
                identity.getState() == IdentityState.IDENTITY_STATE_RETIRING ? "retiring" : "live",
                set.getNamespace(),
                set.getServiceAccount().isEmpty() ? null : set.getServiceAccount(),
                new TreeMap<>(set.getLabelsMap()),
                set.getPortsList().stream().map(PortView::of).toList(),
                cluster.userCount(identity.getId()),
                users);
    }

    private static Optional<Integer> parse(String id) {
        try {
            return Optional.of(Integer.parseInt(id));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }
}
