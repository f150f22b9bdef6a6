//! What owners do with their sessions: name them.

use super::*;

fn label(text: &str) -> Option<DisplayName> {
    Some(DisplayName::parse(text).unwrap())
}

#[tokio::test]
async fn an_owner_names_a_session_and_takes_the_name_away() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let (sessions, user, id) = (bed.ciam.sessions(), ada.session.user, ada.session.id);
    let by = Cause::user(user, Origin::default());
    let shown = async || sessions.list(user, None).await.unwrap()[0].label.clone();
    assert_eq!(shown().await, "An unknown browser or app");
    assert!(check(&bed, &ada).await);
    let renamed = sessions.rename(&by, user, id, label("Ada's phone")).await.unwrap();
    assert_eq!(sessions.view(&renamed, None).label, "Ada's phone");
    assert_eq!(shown().await, "Ada's phone");
    let checked = sessions.check(ada.bearer.expose()).await.unwrap().unwrap();
    assert_eq!(checked.label(), "Ada's phone", "in memory, too");
    sessions.rename(&by, user, id, label("Ada's phone")).await.unwrap();
    sessions.rename(&by, user, id, None).await.unwrap();
    assert_eq!(shown().await, "An unknown browser or app");
    let names: Vec<String> = bed
        .ciam
        .store()
        .tail::<crate::events::Event>(crate::store::Position::START, 100)
        .await
        .unwrap()
        .into_iter()
        .filter(|(_, event)| event.name == "session.renamed")
        .map(|(_, event)| {
            assert_eq!((event.subject, event.data["session"].as_str()), (Some(user), Some(id.to_string().as_str())));
            serde_json::to_string(&event).unwrap()
        })
        .collect();
    assert_eq!(names.len(), 2, "the same name again is no change");
    assert!(!names.concat().contains("phone"), "no text that a person typed is in an event");
}

#[tokio::test]
async fn nobody_else_names_a_session_and_no_dead_one_is_named() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let eve = bed.sign_up("eve@example.com", PASSWORD).await.session.user;
    let (sessions, id) = (bed.ciam.sessions(), ada.session.id);
    let by = Cause::user(eve, Origin::default());
    assert!(matches!(sessions.rename(&by, eve, id, label("mine")).await, Err(SessionError::Unknown)));
    sessions.end_all(&by, ada.session.user).await.unwrap();
    assert!(matches!(sessions.rename(&by, ada.session.user, id, label("x")).await, Err(SessionError::Unknown)));
}

#[tokio::test]
async fn a_name_outlives_a_new_bearer() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let (sessions, user, id) = (bed.ciam.sessions(), ada.session.user, ada.session.id);
    sessions.rename(&Cause::system(), user, id, label("Ada's phone")).await.unwrap();
    let elevated = bed.ciam.store().transact(|work| async move {
        let ceremony = Ceremony::open(work.new_id(), user, uuid::Uuid::nil(), work.now(), PASSKEY);
        sessions.elevate_in(&work, id, &[Evidence::mint(ceremony, &Claim::full(PASSKEY))], &Origin::default()).await
    });
    assert_eq!(elevated.await.unwrap().session.label(), "Ada's phone");
}

#[tokio::test]
async fn a_session_of_an_older_shape_has_no_name() {
    let bed = TestBed::new().await;
    let ada = bed.sign_up("ada@example.com", PASSWORD).await;
    let mut document = serde_json::to_value(&ada.session).unwrap();
    document.as_object_mut().unwrap().remove("label");
    let session: Session = serde_json::from_value(document).unwrap();
    assert_eq!(session, ada.session);
}
