# Everything that ciam says to people, in English (https://projectfluent.org). Another language is one file with the
# same keys and variables. What stands in the file is what is said: HTML is text here.

## Words that stand by themselves

sign-in = Sign in
sign-up = Create account
sign-out = Sign out
continue = Continue
start-again = Start again
to-start-page = Go to the start page
to-account = Go to your account
to-profile = Go to your profile
account = Account
sessions = Sessions
email = Email address
phone = Phone number
username = Username
password = Password
code = Code
name = Name
new-password = New password
language-name = English
save = Save
profile = Profile
security = Security
email-or-phone = Email address or phone number
email-or-username = Email address or username
phone-or-username = Phone number or username
email-phone-or-username = Email address, phone number or username
optional = (optional)

## Every page

# Before the title of a page that shows a mistake.
title-error = Error:
skip = Skip to content
password-show = Show
password-show-label = Show password
password-hide = Hide
password-hide-label = Hide password

## Times

span-seconds = { $count ->
    [one] one second
   *[other] { $count } seconds
}
span-minutes = { $count ->
    [one] one minute
   *[other] { $count } minutes
}
span-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
span-days = { $count ->
    [one] one day
   *[other] { $count } days
}
ago-now = just now
ago-minutes = { $count ->
    [one] one minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] one hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] yesterday
   *[other] { $count } days ago
}
ago-on = on { $day }
day = { $day } { $month } { $year }
moment = { $day }, { $time } UTC
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

## Browsers and apps

device = { $browser } on { $system }
device-app = An app
device-app-on = An app on { $system }
device-unknown = An unknown browser or app

## Signing up and signing in

sign-in-lead = With your account at { $app }.
sign-in-new-here = New here?
sign-in-create = Create an account
sign-up-title = Create your account
sign-up-lead = We will send a message to confirm your address.
sign-up-known = Have an account already?
password-title = Enter your password
password-not-you = Not you?
password-forgotten = Forgot your password?
phone-form = Begin with + and your country's code, such as +31 6 12345678.
username-form = 3 to 32 letters, digits, dots, hyphens or underscores. You can sign in with it.
new-password-title = Choose a password
new-password-change = Change
new-password-rules = At least { $least } characters. A few unrelated words make a good one; spaces are welcome.
new-password-name = Your name
add-totp = An authenticator app
add-recovery-code = Recovery codes
add-passkey = A passkey
method-totp = Authenticator app
method-recovery-code = Recovery codes
method-passkey = Passkey
enrol-title = Make your account safer
enrol-lead = With a second proof, somebody who learns your password still cannot sign in as you.
totp-create-title = Connect your app
totp-create-lead = Scan the picture with an authenticator app, then enter the code that it shows.
totp-create-picture = QR code for your authenticator app
totp-create-text = You cannot scan it? Enter this key in your app:
totp-create-open = Open it in an app on this device
recovery-codes-title = Keep these codes
recovery-codes-lead = Each takes the place of your app once, if you lose it. Write them down or keep them in a password manager. They are not shown again, and codes from before stop working.
recovery-codes-kept = I have kept them
security-factors = Beside your password
security-factors-none = Your password alone protects your account.
security-factors-add = Add another proof
security-factor-used = Last used { $ago }
security-factor-added = Your account has another proof now.
security-factor-removed = It was removed.
security-factor-remove-label = Remove: { $what }
remove-factor-title = Remove this?
remove-factor-lead = { $what } will not be asked for any more when you sign in.
to-security = To your security
otp-title = One more step
otp-lead-totp = Open your authenticator app and enter the code that it shows.
otp-lead-recovery-code = Enter one of the recovery codes that you have kept. Each is good once.
otp-lead-otherwise = Enter the code.
otp-others = Something else?
way-totp = Use your authenticator app
way-recovery-code = Use a recovery code
way-passkey = Use a passkey
code-title = Check your messages
code-lead = We sent a message to { $to }. Enter the code of { $length } digits that is in it, or follow its link.
code-development = Development: messages are shown in the mailbox.
code-good-for = It is good for { $time }.
code-too-old = It is too old. Send another message.
code-link-followed = I confirmed with the link: go on
code-link-not-followed = The link was not followed yet. Follow it first, or enter the code.
code-resend = Send another message
code-resent = Another message is on its way.
code-not-yours = Not your address?
confirmed-title = Your address is confirmed
confirmed-lead = The link in our message was followed in another browser. Go on here.
confirmed-close = Go back to the browser in which you began; it goes on there. You can close this page.
step-up-title = Confirm that it is you
step-up-lead = Before this is changed, enter your password once more.
step-up-confirm = Confirm

## A new password for one that is lost

recover-title = Set a new password
recover-lead = Tell us how you sign in. We will send you a message with a code and a link.
recover-send = Send the message
recover-remembered = You remember it?
reset-title = Choose a new password
reset-lead = You will be signed out everywhere else.
reset-set = Set password
completed-title = Your password is set
completed-lead = Whoever was signed in with the former one is signed out. Sign in with the new one, here or where you began.
continued-title = Go on where you followed the link
continued-lead = The link in our message was followed in another browser, and the new password is chosen there. Then sign in here with it.
continued-not-you = It was not you?
continued-again = Ask for another message

## The page of a message's link

verify-title = Confirm your address
verify-title-phone = Confirm your number
verify-question = Is { $to } yours?
verify-begun-sign-up = An account was begun with it { $ago }, in: { $device }.
verify-begun-sign-in = A sign-in was begun with it { $ago }, in: { $device }.
verify-begun-add = Someone asked to add it to their account { $ago }, in: { $device }.
verify-recovery-lead = For the account of { $to }.
verify-recovery-begun = A new password was asked for { $ago }, in: { $device }.
verify-recovery-only-you = Go on only if that was you.
verify-recovery-otherwise = If it was somebody else, close this page: your password stays as it is.
verify-recovery-here = Go on
verify-by-code-title = Enter the code instead
verify-by-code-lead = { $to } is confirmed only where you asked for it. Go back to that browser, and follow the link there or enter the code of our message.
verify-by-code-only-you = Give the code to nobody.
verify-only-you = Confirm only if that was you.
verify-otherwise = If it was somebody else, close this page: nothing will happen.
verify-here = Confirm and go on
verify-elsewhere = Yes, that was me

## Why a journey has ended

refused-title = This did not work out
refused-address-taken = This address has an account already. Sign in instead.
refused-expired = It took too long, and what you had entered is gone. Please start again.
refused-not-allowed = This account cannot be signed in at the moment.
refused-session-ended = You were signed in here, and have been signed out since.
refused-too-many = Your account has as many addresses as it can have. Remove one first.
refused-continued-elsewhere = The link in our message was followed in another browser, and it goes on there.
refused-factor-missing = This account has nothing left by which it could be shown that it is yours.
refused-otherwise = It cannot go on from here. Please start again.

## The account

account-title = Your account
account-hello = Hello, { $name }
account-about-you = About you
account-none = none
account-not-given = not given
account-since = Member since
profile-title = Your profile
profile-lead = Your name, and the addresses, numbers and names with which you sign in.
profile-language = Language
profile-language-any = As my browser asks
profile-saved = Your profile is saved.
profile-added = Your account has it now.
profile-removed = It is removed from your account.
profile-ways = How you sign in
profile-ways-lead = Messages about your account go to the first one that is confirmed.
profile-main = Main
profile-unproved = Not confirmed
profile-proved = confirmed
profile-prove = Confirm
profile-prove-label = Confirm { $own }
profile-remove = Remove
profile-remove-label = Remove { $own }
add-title = Add to your account
add-lead = We will send a message to confirm that it is yours.
add-email = Add an email address
add-phone = Add a phone number
add-username = Choose a username
add-username-again = Change your username
add-username-lead = You can sign in with it beside your other ways.
remove-title = Remove it?
remove-lead = You can then no longer sign in with { $own }, and no messages go there.
remove-username = You can then no longer sign in with { $own }.
remove-not = Keep it
security-lead = Change your password, and see what happened lately.
security-change = Change your password
security-change-lead = You stay signed in here, and are signed out everywhere else.
security-change-do = Change password
security-changed = Your password is changed, and you are signed out everywhere else.
security-present = Current password
security-lately = What happened lately
security-earlier = What happened earlier
security-by-operator = by our staff
security-nothing = Nothing.
security-newest = Latest
security-older = Earlier
## What happened to an account

event-authenticator-added = A way to prove who you are was added
event-authenticator-removed = A way to prove who you are was removed
event-identifier-added = A way to sign in was added
event-identifier-removed = A way to sign in was removed
event-password-changed = The password was changed
event-password-disabled = Signing in by password was stopped on strange devices, after many failures
event-password-recovered = The password was set anew with a message to you
event-password-set = The password was set for you
event-session-all-ended = Sessions were ended
event-session-ended = A session was ended
event-session-rotated = You confirmed that it is you
event-session-started = You signed in
event-sign-in-failed = Someone tried to sign in and failed
event-user-activated = The account was opened again
event-user-language-changed = The language was changed
event-user-registered = The account was created
event-user-renamed = The name was changed
event-user-suspended = The account was suspended
event-wrong-password = A wrong password was entered
sessions-title = Where you are signed in
sessions-lead = See the browsers and apps that are signed in, and sign them out.
sessions-this = This browser
sessions-seen = last seen { $ago }
sessions-begun = signed in { $ago }
sessions-end-label = Sign out { $device }, signed in { $ago }
sessions-end-others = Sign out everywhere else
sessions-end-all = Sign out everywhere
sessions-ended-one = That session is signed out.
sessions-ended-others = Everything else is signed out.
sessions-renamed = The name is kept.
sessions-rename = Rename
sessions-rename-label = Rename { $device }, signed in { $ago }

## The mailbox of development

mailbox-title = Mailbox
mailbox-lead = What was sent since the program was started, newest first. This page exists in development only.
mailbox-to = { $channel } to { $to }
mailbox-empty = Nothing was sent yet.

## What was wrong with an answer

mistake-invalid-email = Enter an email address, such as ada@example.com.
mistake-invalid-phone = Enter a phone number with its country's code, such as +31 6 12345678.
mistake-invalid-username = Use a username of 3 to 32 letters, digits, dots, hyphens or underscores.
mistake-missing-username = Choose a username.
mistake-username-taken = This username is taken. Choose another.
mistake-unaccepted-kind = This kind of address is not used here.
mistake-already-yours = Your account has this already.
mistake-too-many = Your account has too many addresses. Remove one first.
mistake-wrong-password = The password is wrong.
mistake-invalid-name = Use a name of 1 to 64 letters.
mistake-wrong-credentials = The address or the password is wrong.
mistake-password-too-short = Use at least { $least } characters: a few unrelated words make a good password.
mistake-password-too-long = Use at most { $most } characters.
mistake-password-common = This is one of the most common passwords; choose another.
mistake-password-weak = This is easily guessed; add unrelated words, and leave out your name, your address and repetitions.
mistake-wrong-code = This is not the code from the latest message.
mistake-code-used-up = This code cannot be used any more. Ask for a new one.
mistake-wrong-proof = This did not work. Try again, or in another way.
mistake-unavailable-method = This way cannot be used here.
mistake-unexpected-answer = This is not what was asked for.

## What cannot be done

problem-no-session = Please sign in
problem-no-session-detail = You are not signed in, or your session has ended.
problem-forbidden = Not allowed
problem-forbidden-detail = Your account may not do this.
problem-not-found = Not found
problem-not-found-detail = There is nothing at this address.
problem-internal = Something went wrong
problem-internal-detail = It is our mistake, not yours. Please try again.
problem-unavailable = Not available
problem-unavailable-detail = This cannot be done at the moment. Please try again soon.
problem-address-taken = Already taken
problem-address-taken-detail = The address belongs to another account.
problem-unusable-password = Not a good password
problem-unusable-password-detail = This password cannot be used. Choose a longer one of a few unrelated words.
problem-fresh-sign-in-required = Please confirm that it is you
problem-fresh-sign-in-required-detail = This needs a sign-in that is not so long ago.
problem-assurance-required = A stronger sign-in is needed
problem-assurance-required-detail = This needs a second factor, which your session does not have.
problem-cross-site = Refused
problem-cross-site-detail = The request came from another site. Open this site itself and try again.
problem-method-not-allowed = Method not allowed
problem-method-not-allowed-detail = This address does not take requests of this method.
problem-malformed = Malformed request
problem-malformed-detail = The request's body cannot be read.
problem-too-deep = Malformed request
problem-too-deep-detail = The request's body nests too deeply.
problem-timeout = Too slow
problem-timeout-detail = The request's body did not arrive in time. Please try again.
problem-too-large = Too large
problem-too-large-detail = The request's body is too large.
problem-target-too-long = Too large
problem-target-too-long-detail = The request's address is too long.
problem-headers-too-large = Too large
problem-headers-too-large-detail = The request's headers are too large.
problem-unsupported-media-type = Unsupported media type
problem-unsupported-media-type-detail = The API reads application/json, and pages read application/x-www-form-urlencoded.
problem-unexpected-shape = Unexpected members
problem-unexpected-shape-detail = A member of the request's body is missing, or has a value that it cannot have.
problem-unexpected-members = Unexpected members
problem-unexpected-members-detail = A member is missing, cannot have this value, or cannot be set here.
problem-bad-cursor = Not a cursor of this list
problem-bad-cursor-detail = after is the next of an earlier page.
problem-last-identifier = The last one stays
problem-last-identifier-detail = An account keeps an address or number with which it can be recovered. Add another one first.
problem-password-changed = The password is another one
problem-password-changed-detail = Your password was changed meanwhile. Start again with the present one.
problem-bad-label = Not a name for a device
problem-bad-label-detail = A name has 1 to 64 characters and no control characters.
problem-bad-return-to = Not a path of this site
problem-bad-return-to-detail = return_to must be a path of this site.
problem-unknown-link = This link is no longer good
problem-unknown-link-detail = It was used already, has expired, or a newer message has replaced it.
problem-unknown-journey = This has expired
problem-unknown-journey-detail = It is not known in this browser any more. Please start again.
problem-stale-journey = Already answered
problem-stale-journey-detail = This was answered elsewhere meanwhile. Please go on from here.
problem-wrong-input = That was not right
problem-wrong-input-detail = Please check what you entered.
problem-throttled = Too many tries
problem-throttled-detail = There were too many tries.
problem-overloaded = Very busy
problem-overloaded-detail = Too many people want the same at once.
problem-try-again = { $detail } Please try again in { $time }.

## Messages. The text is for email, `.subject` its subject, and `.short` what goes by text message or is spoken.

message-hello = Hello,
message-hello-name = Hello { $name },

message-confirm-address =
    Welcome to { $app }.

    To confirm your address, enter this code on the page where you signed up:

    {"    "}{ $code }

    It is good for { $code_for }. Or follow this link, which is good for { $link_for }:

    {"    "}{ $link }

    If you did not sign up at { $app }, ignore this message: nothing happens without the code or the link, and nobody at { $app } will ever ask you for them.
    .subject = { $code } is your code for { $app }
    .short = { $code } is your code for { $app }, good for { $code_for }. Tell it to nobody. Or follow { $link }

message-add-identifier =
    Someone, probably you, wants to add this address to an account at { $app }.

    To confirm it, enter this code on the page where you added it:

    {"    "}{ $code }

    It is good for { $code_for }. Or follow this link in the same browser; it is good for { $link_for }:

    {"    "}{ $link }

    If it was not you, ignore this message: nothing happens without the code or the link.
    .subject = { $code } is your code for { $app }
    .short = { $code } is your code for { $app }, good for { $code_for }. Tell it to nobody. Or follow { $link }

message-address-known =
    { $greeting }

    someone, probably you, wanted to use this address at { $app }. It has an account already; sign in here:

    {"    "}{ $link }

    If it was not you, there is nothing to do: your account is as it was.
    .subject = You already have an account at { $app }
    .short = { $app }: this number has an account already. Sign in: { $link }

message-recover =
    { $greeting }

    someone, probably you, wants to set a new password for your account at { $app }. Enter this code on the page where you asked for it:

    {"    "}{ $code }

    It is good for { $code_for }. Or follow this link, which is good for { $link_for }:

    {"    "}{ $link }

    If it was not you, ignore this message: your password stays as it is. Nobody at { $app } will ever ask you for the code.
    .subject = { $code } is your code for { $app }
    .short = { $code } is your code for { $app }, good for { $code_for }. Tell it to nobody. Or follow { $link }

message-no-account =
    Someone, probably you, wanted to set a new password at { $app }, but no account has this address. Perhaps you signed up with another one. To create an account:

    {"    "}{ $link }

    If it was not you, there is nothing to do.
    .subject = There is no account at { $app } with this address
    .short = { $app }: no account has this number. Sign up: { $link }

message-password-changed =
    { $greeting }

    Your password at { $app } was changed:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = Your password at { $app } was changed
    .short = Your password at { $app } was changed. If it was not you, set a new password: { $link }

message-password-recovered =
    { $greeting }

    Your password at { $app } was set anew:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = Your password at { $app } was set anew
    .short = Your password at { $app } was set anew. If it was not you, set a new password: { $link }

message-identifier-added =
    { $greeting }

    { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was added to your account at { $app }:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was added to your account at { $app }
    .short = { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was added to your account at { $app }. If it was not you, set a new password: { $link }

message-authenticator-added =
    { $greeting }

    A way to prove who you are was added to your account at { $app }:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = A way to prove who you are was added to your account at { $app }
    .short = A way to prove who you are was added to your account at { $app }. If it was not you, set a new password: { $link }

message-authenticator-removed =
    { $greeting }

    A way to prove who you are was removed from your account at { $app }:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = A way to prove who you are was removed from your account at { $app }
    .short = A way to prove who you are was removed from your account at { $app }. If it was not you, set a new password: { $link }

message-identifier-removed =
    { $greeting }

    { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was removed from your account at { $app }:

    {"    "}{ $at }
    {"    "}{ $device }

    If it was you, there is nothing to do. If it was not, set a new password at once; that signs everybody out:

    {"    "}{ $link }
    .subject = { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was removed from your account at { $app }
    .short = { $kind ->
        [email] An email address
        [phone] A phone number
       *[username] A username
    } was removed from your account at { $app }. If it was not you, set a new password: { $link }
