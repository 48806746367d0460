//! How offers travel.

use super::*;

/// Three nodes in a row, `a - b - c`, each of which knows only its neighbours.
async fn row_of_three() -> (Node, Node, Node) {
    let b = Node::listening().await;
    let a = Node::with_bootstrap(&b).await;
    let c = Node::with_bootstrap(&b).await;
    a.next_peer().await;
    c.next_peer().await;
    b.next_peer().await;
    b.next_peer().await;
    // Gossip subscriptions follow the connection; a mesh link takes a heartbeat.
    sleep(Duration::from_secs(2)).await;
    assert_eq!(a.net.peers().len(), 1);
    assert_eq!(c.net.peers().len(), 1);
    (a, b, c)
}

#[tokio::test]
async fn an_offer_travels_through_a_node_in_between() {
    let (a, b, c) = row_of_three().await;
    assert_eq!(
        a.net.publish_offer(b"a1".to_vec()).await.unwrap(),
        Published::Sent
    );
    assert_eq!(b.next_offer().await, (a.id(), b"a1".to_vec()));
    assert_eq!(c.next_offer().await, (b.id(), b"a1".to_vec()));
    a.sees_no_offer().await;
}

#[tokio::test]
async fn a_rejected_or_ignored_offer_is_not_passed_on() {
    let (a, b, c) = row_of_three().await;
    for offer in [b"r1", b"i1"] {
        a.net.publish_offer(offer.to_vec()).await.unwrap();
        assert_eq!(b.next_offer().await, (a.id(), offer.to_vec()));
        c.sees_no_offer().await;
    }
    a.net.publish_offer(b"a1".to_vec()).await.unwrap();
    assert_eq!(c.next_offer().await, (b.id(), b"a1".to_vec()));
}

#[tokio::test]
async fn a_peer_that_keeps_sending_invalid_offers_is_no_longer_heard() {
    let (a, b, c) = row_of_three().await;
    let mut heard = 0;
    for number in 0..8u8 {
        a.net.publish_offer(vec![b'r', number]).await.unwrap();
        let mut offers = b.offers.lock().await;
        if timeout(A_WHILE, offers.recv()).await.is_ok() {
            heard += 1;
        }
    }
    assert!((1..8).contains(&heard), "heard {heard} of 8");
    // The others still are.
    c.net.publish_offer(b"a1".to_vec()).await.unwrap();
    assert_eq!(b.next_offer().await, (c.id(), b"a1".to_vec()));
}

#[tokio::test]
async fn an_offer_published_before_any_peer_came_is_delivered_later() {
    let a = Node::listening().await;
    for offer in [b"a1", b"a2"] {
        let published = a.net.publish_offer(offer.to_vec()).await.unwrap();
        assert_eq!(published, Published::Waiting);
    }
    let b = Node::with_bootstrap(&a).await;
    assert_eq!(b.next_offer().await, (a.id(), b"a2".to_vec()));
    b.sees_no_offer().await;
}

#[tokio::test]
async fn an_offer_over_the_limit_is_refused_and_one_at_the_limit_passes() {
    let a = Node::listening().await;
    let b = Node::with_bootstrap(&a).await;
    a.next_peer().await;
    let error = a.net.publish_offer(vec![b'a'; MAX_OFFER_BYTES + 1]).await;
    assert!(matches!(error, Err(PublishError::TooLarge { .. })));
    let largest = vec![b'a'; MAX_OFFER_BYTES];
    a.net.publish_offer(largest.clone()).await.unwrap();
    assert_eq!(b.next_offer().await, (a.id(), largest));
}
