package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.netlink.MacAddress;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.Endpoint;
import io.pilus.node.route.Destinations;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Optional;

/** Pods in the maps and hooks of the datapath. */
@Singleton
class DatapathPods implements PodKernel {

    private final Datapath datapath;
    private final Destinations destinations;

    DatapathPods(Datapath datapath, Destinations destinations) {
        this.datapath = datapath;
        this.destinations = destinations;
    }

    @Override
    public int podMtu() {
        return datapath.podMtu();
    }

    @Override
    public MacAddress gateway() {
        return datapath.gateway();
    }

    @Override
    public void attach(String hostInterface, int ifindex) {
        datapath.attachPod(hostInterface, ifindex);
    }

    @Override
    public void detach(String hostInterface) {
        datapath.detachPod(hostInterface);
    }

    @Override
    public void admit(Attachment attachment, MacAddress podMac) {
        datapath.endpoints()
                .put(
                        attachment.ifindex(),
                        new Endpoint(
                                address(attachment.addresses(), 4),
                                address(attachment.addresses(), 16),
                                attachment.number(),
                                attachment.identity(),
                                attachment.slot(),
                                podMac,
                                gateway(),
                                attachment.mtu()));
        for (ByteString address : attachment.addresses()) {
            destinations.putLocal(
                    address,
                    Destination.local(
                            attachment.identity(),
                            attachment.ifindex(),
                            attachment.slot(),
                            attachment.number(),
                            podMac));
        }
    }

    @Override
    public void dismiss(Attachment attachment) {
        for (ByteString address : attachment.addresses()) {
            boolean own = Optional.ofNullable(destinations.local().get(address))
                    .filter(found -> found.endpoint() == attachment.number())
                    .isPresent();
            if (own) {
                destinations.removeLocal(address);
            }
        }
        datapath.endpoints().remove(attachment.ifindex());
    }

    private static ByteString address(List<ByteString> addresses, int size) {
        return addresses.stream()
                .filter(address -> address.size() == size)
                .findFirst()
                .orElse(ByteString.EMPTY);
    }
}
