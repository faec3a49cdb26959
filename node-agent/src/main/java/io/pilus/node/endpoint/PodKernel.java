package io.pilus.node.endpoint;

import io.pilus.netlink.MacAddress;
import io.pilus.netlink.NetworkNamespace;
import java.util.Collection;

/** What attaching needs of the datapath. Every call may be repeated. */
public interface PodKernel {

    /** The node's. */
    NetworkNamespace namespace();

    /** What a pod's interface may send at once, in bytes. */
    int podMtu();

    /** The link address that pods see of their gateway: that of each pod's host interface. */
    MacAddress gateway();

    /** Judges what the device brings in from now on, also when this process is gone. Takes some 10 ms. */
    void attach(String hostInterface, int ifindex);

    /** Forgets the attachment of {@link #attach}; the device may be gone. */
    void detach(String hostInterface);

    /** Has packets from and to the endpoint judged as its own; what was said of it before is replaced. */
    void admit(Attachment attachment, MacAddress podMac);

    /** The endpoint no longer is: first nobody reaches it, then it speaks for nobody. */
    void dismiss(Attachment attachment);

    /** Removes what the kernel has of endpoints that are none of these: what a crash left behind. */
    void sweep(Collection<Attachment> all);

    /** The highest number of an endpoint that anything in the kernel still speaks of. */
    int highestNumber();
}
