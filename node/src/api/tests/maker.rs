//! The maker's business over the API.

use serde_json::Value;

use super::served::served;
use crate::api::types::*;

#[tokio::test]
async fn a_makers_business_is_checked_before_it_is_set() {
    let node = served(|_| ()).await;
    let side = SideSettings {
        base_sat: 1,
        ppm: -3,
        min_sat: 10,
        max_sat: 20,
        lean_ppm: 5,
    };
    let good = MakerSettings {
        enabled: true,
        floor: None,
        out: Some(side),
        ..MakerSettings::default()
    };
    let wrong = [
        MakerSettings { out: None, ..good },
        // Takers are paid, and the floor does not let it.
        MakerSettings {
            floor: Some(PriceSettings::default()),
            ..good
        },
        MakerSettings {
            out: Some(SideSettings {
                lean_ppm: 1_000_001,
                ..side
            }),
            ..good
        },
        MakerSettings {
            refund_delta: 0,
            ..good
        },
        MakerSettings {
            refund_delta: 433,
            ..good
        },
        MakerSettings {
            quote_secs: 0,
            ..good
        },
        MakerSettings {
            into: Some(SideSettings {
                min_sat: 30,
                ..side
            }),
            ..good
        },
        MakerSettings {
            into: Some(SideSettings {
                ppm: 1_000_001,
                ..side
            }),
            ..good
        },
    ];
    for settings in wrong {
        let problem = node
            .refused(move |client| client.put::<MakerSettings>("/maker", &settings))
            .await;
        assert!(
            problem.detail.contains("nothing was changed"),
            "{problem:?}"
        );
    }
    assert!(!node.node.asked.lock().unwrap().policy.enabled);
    let set: MakerSettings = node
        .call(move |client| client.put("/maker", &good))
        .await
        .unwrap();
    assert_eq!(set, good);
    assert_eq!(
        node.node
            .asked
            .lock()
            .unwrap()
            .policy
            .out
            .unwrap()
            .price
            .ppm,
        -3
    );
    let shown: Value = node.call(|client| client.get("/maker", &[])).await.unwrap();
    assert_eq!(shown["out"]["ppm"], -3);
    assert_eq!(shown["in"], Value::Null);
}
