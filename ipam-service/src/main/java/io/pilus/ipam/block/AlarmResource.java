package io.pilus.ipam.block;

import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import java.util.List;

/** {@code /v1/alarms}: what somebody should look at. */
@Path("/v1/alarms")
@RunOnVirtualThread
public class AlarmResource {

    private final Alarms alarms;

    AlarmResource(Alarms alarms) {
        this.alarms = alarms;
    }

    @GET
    public PageView<Alarm> list(@BeanParam PageRequest page) {
        List<Alarm> found = alarms.list(page.from(), page.limit() + 1);
        return found.size() <= page.limit()
                ? new PageView<>(found, null)
                : new PageView<>(
                        found.subList(0, page.limit()),
                        found.get(page.limit() - 1).subject());
    }
}
